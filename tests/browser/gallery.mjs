// Looks at pages as people see them: on a phone and on a desktop, light and dark. Each is judged by axe-core, must not
// be wider than the window, and is kept as a picture.
//
// The walk's own browser has its script switched off, which axe-core needs. So the very answer that the walk got is
// shown once more here, and nothing is asked of the service a second time but style sheets, icons and scripts.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const WINDOWS = [['phone', { width: 390, height: 844 }], ['desktop', { width: 1280, height: 800 }]];
const SCHEMES = ['light', 'dark'];

export class Gallery {
  shown = 0;
  wrong = [];

  static async open(browser, folder) {
    const gallery = new Gallery();
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    gallery.folder = folder;
    gallery.axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    gallery.page = await (await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB' })).newPage();
    gallery.page.on('console', (message) => {
      // An answer that says what is wrong has such a status, which the browser logs as an error.
      if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
        gallery.wrong.push(`${gallery.name}: ${message.text()}`);
      }
    });
    return gallery;
  }

  // One in which nothing is shown.
  static closed() {
    return new Gallery();
  }

  // Shows what a response holds.
  async show(response, name) {
    if (!this.page) return;
    this.name = name;
    const { page } = this;
    const headers = await response.allHeaders();
    for (const header of ['content-length', 'set-cookie']) delete headers[header];
    const address = response.url();
    const answer = { status: response.status(), headers, body: await response.body() };
    await page.route(address, (route) => route.fulfill(answer));
    await page.goto(address);
    await page.unroute(address);
    await page.evaluate(this.axe);
    for (const [window, size] of WINDOWS) {
      await page.setViewportSize(size);
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        const file = `${String(this.shown).padStart(2, '0')}-${name}-${window}-${colorScheme}.png`;
        await page.screenshot({ path: path.join(this.folder, file), fullPage: true });
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        for (const { id, help, nodes } of violations) {
          this.wrong.push(`${file}: ${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`);
        }
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wider > 0) this.wrong.push(`${file}: ${wider} pixels wider than the window`);
      }
    }
    this.shown += 1;
  }

  // What was found on all pages.
  judge() {
    assert.deepEqual(this.wrong, []);
  }
}
