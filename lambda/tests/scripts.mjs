// Runs the page's scripts, as they are served, on a stand-in for the page, with node's own WebCrypto.
//
// Started by `scripts.rs` with a challenge; prints the payload that `form.js` made of it. Anything that does not
// hold throws. It needs nothing but node.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';

const source = (name) => readFileSync(new URL(`../scripts/${name}.js`, import.meta.url), 'utf8');
const challenge = JSON.parse(process.argv[2]);

class Listening {
  listeners = {};

  addEventListener(name, listener) {
    (this.listeners[name] ??= []).push(listener);
  }

  // Whether the event was left to the browser.
  dispatch(name, more = {}) {
    let left = true;
    const event = { ...more, preventDefault: () => { left = false; } };
    for (const listener of this.listeners[name] ?? []) listener(event);
    return left;
  }
}

class HTMLFormElement extends Listening {
  sent = 0;
  field = null;
  // Fields called so hide the form's own properties.
  dataset = this.append = this.submit = 'hidden';

  button = {
    state: {},
    setAttribute(name, value) { this.state[name] = value; },
  };

  status = { textContent: '' };

  getAttribute = (name) => ({ 'data-challenge': 'api/v1/challenges', 'data-wait': 'One moment…' })[name];
  querySelector = (selector) => ({ button: this.button, '[role=status]': this.status })[selector];
  appendChild = (field) => { this.field = field; };

  submit() {
    this.sent += 1;
  }
}

// The page's clock, which can be put forward by this many milliseconds.
let clock = 0;
class Clock extends Date {
  static now() {
    return Date.now() + clock;
  }
}

// A page whose script runs now; its timers wait until they are told.
function open(script, globals) {
  const page = { ...globals, timers: [], asked: [] };
  page.window = new Listening();
  const context = {
    HTMLFormElement, Date: Clock, btoa, crypto, performance,
    addEventListener: (...more) => page.window.addEventListener(...more),
    setTimeout: (call, ms) => page.timers.push({ call, ms }),
    clearTimeout: (number) => { if (number) page.timers[number - 1].call = () => {}; },
    fetch: (url) => { page.asked.push(url); return page.answer(); },
    ...globals,
  };
  vm.runInNewContext(source(script), context);
  return page;
}

function formPage(answer) {
  const form = new HTMLFormElement();
  const document = {
    createElement: () => ({ value: '' }),
    querySelectorAll: () => [form],
    querySelector: () => null,
  };
  return { form, page: open('form', { document, answer }) };
}

// Lets everything happen that waits for nothing from outside.
const settle = () => new Promise((done) => setTimeout(done, 10));
async function until(holds) {
  for (let tries = 0; !holds(); tries += 1) {
    assert(tries < 3_000, 'nothing happened for half a minute');
    await settle();
  }
}

const served = () => Promise.resolve({
  json: async () => structuredClone(challenge),
  headers: { get: () => new Date(challenge.parameters.expiresAt * 1e3 - 20 * 60e3).toUTCString() },
});

// Solved in the background, asked for once, and sent by the browser itself.
const { form, page } = formPage(served);
assert.equal(page.asked.length, 0, 'a page that nobody touches asks for nothing');
for (const event of ['pointerdown', 'focusin', 'input', 'input']) form.dispatch(event);
await until(() => form.field?.value);
assert.deepEqual(page.asked, ['api/v1/challenges']);
const payload = form.field.value;
assert(form.dispatch('submit'), 'with a proof the browser sends the form');
assert.deepEqual(form.button.state, { 'aria-busy': true, 'aria-disabled': true });
assert.equal(form.status.textContent, '', 'nobody waits, so nothing is said');
assert(!form.dispatch('submit'), 'a form is sent once');

// Back from the next page: the button works, and another proof is fetched, since this one is used up.
page.window.dispatch('pageshow', { persisted: true });
assert.deepEqual(form.button.state, { 'aria-busy': false, 'aria-disabled': false });
assert.equal(form.field.value, '');
await until(() => form.field.value);
assert.equal(page.asked.length, 2);
assert(form.dispatch('submit'));
page.timers.find(({ ms }) => ms === 20_000).call();
assert.equal(form.button.state['aria-busy'], true, 'what was to end the first sending does not end the second');

// Sent before the work is done: it waits, says so, and then goes by itself.
{
  const { form } = formPage(served);
  assert(!form.dispatch('submit'));
  assert.equal(form.status.textContent, 'One moment…');
  await until(() => form.sent);
  assert(form.field.value);
}

// Whatever goes wrong, the form is sent, without a proof.
const broken = {
  'no connection': () => Promise.reject(new Error('offline')),
  'a refusal': () => Promise.resolve({ json: async () => ({ code: 'rate_limited' }), headers: new Headers() }),
  'no JSON': () => Promise.resolve({ json: () => Promise.reject(new SyntaxError('<')), headers: new Headers() }),
  'no fetch': () => { throw new TypeError('fetch is not a function'); },
  'an unknown algorithm': async () => {
    const answer = await served();
    const other = structuredClone(challenge);
    other.parameters.algorithm = 'ARGON2ID';
    return { ...answer, json: async () => other };
  },
};
for (const [what, answer] of Object.entries(broken)) {
  const { form, page } = formPage(answer);
  form.dispatch('focusin');
  await settle();
  form.dispatch('input');
  assert.equal(page.asked.length, 1, `${what}: not asked again at every key`);
  form.dispatch('submit');
  await until(() => form.sent);
  assert(!form.field?.value, what);
}

// No answer at all: sending waits five seconds and not longer, and may be tried again later.
{
  const { form, page } = formPage(() => new Promise(() => {}));
  assert(!form.dispatch('submit'));
  await settle();
  assert.equal(form.sent, 0);
  page.timers.find(({ ms }) => ms === 5_000).call();
  await until(() => form.sent);
  assert(!form.dispatch('submit'));
  page.timers.find(({ ms }) => ms === 20_000).call();
  assert.equal(form.button.state['aria-disabled'], false);
  assert.equal(form.status.textContent, '', 'it says no longer that it waits');
}

// A page without a place for words is none the worse.
{
  const { form } = formPage(served);
  form.status = null;
  form.dispatch('submit');
  await until(() => form.sent);
}

// A challenge is replaced a minute before it runs out, by the service's clock: this one has two minutes left.
{
  const { form, page } = formPage(async () => {
    const answer = await served();
    return { ...answer, headers: { get: () => new Date(challenge.parameters.expiresAt * 1e3 - 120e3).toUTCString() } };
  });
  for (const [passed, asked] of [[0, 1], [55e3, 1], [65e3, 2]]) {
    clock = passed;
    form.dispatch('input');
    await until(() => form.field?.value);
    assert.equal(page.asked.length, asked);
  }
  clock = 0;
}

// Where the service's clock is not told and this machine's is a day ahead, a proof is still made, and kept a while.
{
  const { form, page } = formPage(async () => ({ ...(await served()), headers: new Headers() }));
  const ahead = challenge.parameters.expiresAt * 1e3 + 86_400e3 - Date.now();
  for (const [passed, asked] of [[0, 1], [5e3, 1], [15e3, 2]]) {
    clock = ahead + passed;
    form.dispatch('input');
    await until(() => form.field?.value);
    assert.equal(page.asked.length, asked);
  }
  clock = 0;
}

// The button of the mail's page is pressed once, for eyes only.
function confirmPage({ visibilityState = 'visible', prerendering = false, webdriver = false, type = 'navigate' }) {
  const document = Object.assign(new Listening(), { visibilityState, prerendering, clicks: 0 });
  document.querySelector = () => ({ click: () => { document.clicks += 1; } });
  open('confirm', { document, navigator: { webdriver }, performance: { getEntriesByType: () => type ? [{ type }] : [] } });
  return document;
}
for (const seen of [{}, { type: null }]) {
  const document = confirmPage(seen);
  assert.equal(document.clicks, 1);
  document.dispatch('visibilitychange');
  assert.equal(document.clicks, 1);
}
for (const unseen of [{ visibilityState: 'hidden' }, { prerendering: true }]) {
  const document = confirmPage(unseen);
  assert.equal(document.clicks, 0);
  Object.assign(document, { visibilityState: 'visible', prerendering: false });
  document.dispatch(unseen.prerendering ? 'prerenderingchange' : 'visibilitychange');
  assert.equal(document.clicks, 1);
}
for (const never of [{ webdriver: true }, { type: 'reload' }, { type: 'back_forward' }]) {
  const document = confirmPage(never);
  document.dispatch('visibilitychange');
  assert.equal(document.clicks, 0);
}

// A page of the admins, and the others that are open beside it.
function adminPage(answer, who = 'ada@example.com', hasChannels = true) {
  const document = Object.assign(new Listening(), {
    hidden: false,
    currentScript: { src: 'https://join.example.com/session.js?v=1' },
    querySelector: (selector) => (who && selector === 'form.account .who' ? { textContent: who } : null),
    body: { style: { visibility: '' }, empty: false, replaceChildren() { this.empty = true; } },
  });
  const location = {
    origin: 'https://join.example.com', pathname: '/admin/users', search: '?by=state&value=x', hash: '#content',
    replace(to) { this.to = to; },
  };
  const others = new Listening();
  others.told = [];
  others.postMessage = (word) => others.told.push(word);
  const every = [];
  const BroadcastChannel = function BroadcastChannel() { return others; };
  const page = open('session', {
    document, location, answer, URL, AbortSignal, BroadcastChannel,
    performance: { now: () => Clock.now() },
    window: hasChannels ? { BroadcastChannel } : {},
    setInterval: (call, ms) => every.push({ call, ms }),
  });
  const seen = { document, location, others, every, page };
  // What is shown, once everything has happened that comes at once.
  seen.shows = async () => {
    await settle();
    if (document.body.empty) return 'nothing';
    return document.body.style.visibility || 'all';
  };
  seen.later = () => {
    const { call, ms } = page.timers.pop();
    assert.equal(ms, 3_000);
    call();
  };
  return seen;
}
const isOpen = async () => ({ type: 'basic', status: 204 });
const isOver = async () => ({ type: 'opaqueredirect', status: 0 });
const cannotTell = [() => Promise.reject(new Error('offline')), async () => ({ type: 'basic', status: 503 })];
const asks = {
  'once a minute': ({ every }) => { assert.equal(every[0].ms, 60_000); every[0].call(); },
  'when another page says so': ({ others }) => others.dispatch('message', { data: '' }),
  'when it comes to the front': ({ document }) => document.dispatch('visibilitychange'),
  'when it comes back from before': ({ page }) => page.window.dispatch('pageshow', { persisted: true }),
};
for (const [when, ask] of Object.entries(asks)) {
  for (const answer of [isOpen, ...cannotTell]) {
    const seen = adminPage(answer);
    assert.deepEqual(seen.page.asked, [], 'nothing is asked of a page that has just come');
    ask(seen);
    assert.equal(await seen.shows(), 'all', when);
    assert.deepEqual([seen.page.asked, seen.page.timers], [['https://join.example.com/admin/session'], []], when);
  }
  const seen = adminPage(isOver);
  ask(seen);
  ask(seen);
  assert.equal(await seen.shows(), 'hidden', when);
  assert.equal(seen.page.asked.length, 1, 'it is looked once at a time');
  seen.later();
  assert.equal(await seen.shows(), 'nothing', when);
  // Back to what was shown, without the place on the page.
  const to = 'https://join.example.com/admin/sign-in?ended=1&next=users%3Fby%3Dstate%26value%3Dx';
  assert.equal(seen.location.to, to, when);
}

// The cookie was just being replaced, by another page's form: it shows all again, and looks again.
{
  let answer = isOver;
  const seen = adminPage(() => answer());
  seen.every[0].call();
  assert.equal(await seen.shows(), 'hidden');
  answer = isOpen;
  seen.later();
  assert.equal(await seen.shows(), 'all');
  answer = isOver;
  seen.every[0].call();
  assert.equal(await seen.shows(), 'hidden');
  // Over is over, though nothing answers now.
  answer = cannotTell[0];
  seen.later();
  assert.equal(await seen.shows(), 'nothing');
}

// While a form of its own is on its way nothing is asked, and nothing leads elsewhere.
{
  const seen = adminPage(isOver);
  seen.every[0].call();
  assert.equal(await seen.shows(), 'hidden');
  seen.page.window.dispatch('submit');
  seen.later();
  assert.equal(await seen.shows(), 'all');
  seen.every[0].call();
  assert.equal(await seen.shows(), 'all');
  assert.equal(seen.page.asked.length, 1);
  clock = 21_000;
  seen.every[0].call();
  assert.equal(await seen.shows(), 'hidden');
  clock = 0;
}

// One that goes to the back asks nothing, nor does one that is shown for the first time.
{
  const seen = adminPage(isOver);
  seen.document.hidden = true;
  seen.document.dispatch('visibilitychange');
  seen.page.window.dispatch('pageshow', { persisted: false });
  assert.deepEqual(seen.page.asked, []);
}

// Back from where a form led: it is looked at once, whenever the form was sent.
{
  const seen = adminPage(isOver);
  seen.page.window.dispatch('submit');
  seen.page.window.dispatch('pageshow', { persisted: true });
  assert.equal(await seen.shows(), 'hidden');
}

// The sign-in tells the others to look, and looks at nothing itself.
{
  const { others, every, page } = adminPage(isOver, '');
  assert.deepEqual([others.told, every, page.asked], [[''], [], []]);
}

// Another page of the same admin changes nothing; one of somebody else who signed in here does, at once.
{
  const seen = adminPage(isOpen);
  assert.deepEqual(seen.others.told, ['ada@example.com']);
  seen.others.dispatch('message', { data: 'ada@example.com' });
  assert.equal(await seen.shows(), 'all');
  assert.deepEqual(seen.page.asked, []);
  seen.others.dispatch('message', { data: 'grace@example.com' });
  assert.equal(await seen.shows(), 'nothing');
}

// Where there are no channels it still looks.
{
  const seen = adminPage(isOver, 'ada@example.com', false);
  seen.every[0].call();
  assert.equal(await seen.shows(), 'hidden');
}

const size = gzipSync(source('form'), { level: 9 }).length + gzipSync(source('confirm'), { level: 9 }).length;
assert(size < 3_000, `both scripts are small: ${size} bytes`);
process.stdout.write(payload);
