// A person at a browser of their own, whose script is switched off unless a test says otherwise.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

export class Visitor {
  static async come(browser, endpoint, gallery, { script = false } = {}) {
    const visitor = new Visitor();
    visitor.endpoint = endpoint;
    visitor.gallery = gallery;
    visitor.context = await browser.newContext({ javaScriptEnabled: script, acceptDownloads: true, locale: 'en-GB' });
    visitor.context.setDefaultTimeout(20_000);
    visitor.page = await visitor.context.newPage();
    visitor.page.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.frame() === visitor.page.mainFrame()) {
        visitor.answer = response;
      }
    });
    return visitor;
  }

  // Opens a path of the service, or an address; the answer's status is to be this.
  async open(path, status = 200) {
    await this.page.goto(path.startsWith('http') ? path : this.endpoint + path);
    assert.equal(this.answer.status(), status, this.answer.url());
  }

  // Clicks on what leads to another page.
  async follow(what, status = 200) {
    await Promise.all([this.page.waitForEvent('load'), what.click()]);
    assert.equal(this.answer.status(), status, this.answer.url());
  }

  async press(name, status = 200) {
    await this.follow(this.page.getByRole('button', { name, exact: true }), status);
  }

  async link(name, status = 200) {
    await this.follow(this.page.getByRole('link', { name, exact: true }), status);
  }

  async fill(fields) {
    for (const [id, value] of Object.entries(fields)) await this.page.locator(`[id="${id}"]`).fill(value);
  }

  // The name of a page, when it is the one that is expected.
  async at(heading) {
    assert.equal(await this.page.locator('h1').innerText(), heading);
  }

  async text(selector = 'main') {
    return (await this.page.locator(selector).allInnerTexts()).join('\n');
  }

  async says(text, selector = 'main') {
    const all = await this.text(selector);
    assert.ok(all.includes(text), `no “${text}” in:\n${all}`);
  }

  // An error summary that leads to the field in question.
  async isToldOf(field, text) {
    await this.says(text, `.summary a[href="#${field}"]`);
    assert.match(await this.page.title(), /^Error: /);
  }

  // Loads the page again and again until something holds of it: the counters follow the table's stream.
  async until(what, holds) {
    for (const end = Date.now() + 30_000; !(await holds());) {
      assert.ok(Date.now() < end, `${what} did not happen:\n${await this.text()}`);
      await sleep(250);
      await this.page.reload();
    }
  }

  async look(name) {
    await this.gallery.show(this.answer, name);
  }

  // What the browser would send along, as a header.
  async cookies() {
    return (await this.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  // Sends a form past the browser, which knows no way to it, with the cookies that it has; gives the status.
  async send(path, fields) {
    const headers = { cookie: await this.cookies() };
    const body = new URLSearchParams(fields);
    return (await fetch(this.endpoint + path, { method: 'POST', redirect: 'manual', headers, body })).status;
  }

  async csrf() {
    return this.page.locator('form.account input[name=csrf]').inputValue();
  }
}
