// What the walk happens in: the deployed service, a browser, and the people who come.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { Gallery } from './gallery.mjs';
import { Visitor } from './visitor.mjs';

// The service's address, the owner's set-up link, the browser, a folder for pictures (without one nothing is looked at),
// and where all mails are as JSON: a command that prints them, or an address.
const { endpoint, setUp, program, pictures, inbox } = JSON.parse(process.argv[2]);
export { endpoint, setUp };

export const OWNER = { email: 'owner@example.com', password: 'seven quiet herons at dusk' };
export const VIEWER = { email: 'viewer@example.com', password: 'a lantern for the long walk' };

export const ADA = { full_name: 'Ada Lovelace', email: 'ada@example.com', age: '36', nationality: 'GB' };
export const GRACE = { full_name: 'Grace Hopper', email: 'grace@example.org', age: '45', nationality: 'US' };
export const MARY = { full_name: 'Mary Cartwright', email: 'mary@example.net', age: '52', nationality: 'GB' };
export const FORMULA = { full_name: '=1+1', email: 'formula@example.com', age: 30, nationality: 'DE' };

export const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
export const gallery = pictures ? await Gallery.open(browser, pictures) : Gallery.closed();
export const come = (options) => Visitor.come(browser, endpoint, gallery, options);

async function mails() {
  if (typeof inbox === 'string') return (await fetch(inbox, { headers: { accept: 'application/json' } })).json();
  const { stdout } = await promisify(execFile)(inbox[0], inbox.slice(1));
  return JSON.parse(stdout);
}

// The link of a newest mail to somebody, once it is there.
export async function mailed(email, link) {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(250)) {
    const mail = (await mails()).mails.find((it) => it.to.includes(email));
    const found = mail?.text.split(/\s/).find((word) => word.startsWith('http') && word.includes(link));
    if (found) return found;
  }
  assert.fail(`no mail to ${email} with ${link}`);
}

// Signs somebody up as programs do it.
export async function send(person) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${endpoint}/api/v1/sign-ups`, { method: 'POST', headers, body: JSON.stringify(person) });
  assert.equal(answer.status, 202, await answer.text());
}
