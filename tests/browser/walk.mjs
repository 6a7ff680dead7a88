// A whole walk in a browser: people sign up, an admin sets the account up, looks at them, exports and erases, and has
// a viewer come and go. `browser.rs` starts it with a deployed service; whatever does not hold throws.
//
// All of it happens with script switched off, apart from one sign-up.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { Authenticator } from './authenticator.mjs';
import { Gallery } from './gallery.mjs';
import { Visitor } from './visitor.mjs';

// The service's address, the owner's set-up link, the browser, a folder for pictures, and the command that prints all
// mails as JSON.
const { endpoint, setUp, program, pictures, inbox } = JSON.parse(process.argv[2]);

const OWNER = { email: 'owner@example.com', password: 'seven quiet herons at dusk' };
const VIEWER = { email: 'viewer@example.com', password: 'a lantern for the long walk' };

const ADA = { full_name: 'Ada Lovelace', email: 'ada@example.com', age: '36', nationality: 'GB' };
const GRACE = { full_name: 'Grace Hopper', email: 'grace@example.org', age: '45', nationality: 'US' };
const MARY = { full_name: 'Mary Cartwright', email: 'mary@example.net', age: '52', nationality: 'GB' };
const FORMULA = { full_name: '=1+1', email: 'formula@example.com', age: 30, nationality: 'DE' };

// A form has to be open for so long before it is sent, and a little more.
const FORM_AGE = 2_100;

// Users on a page.
const PAGE = 25;

const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
const gallery = await Gallery.open(browser, pictures);
const come = (options) => Visitor.come(browser, endpoint, gallery, options);

// The link of a newest mail to somebody, once it is there.
async function mailed(email, link) {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(250)) {
    const { stdout } = await promisify(execFile)(inbox[0], inbox.slice(1));
    const mail = JSON.parse(stdout).mails.find((it) => it.to.includes(email));
    const found = mail?.text.split(/\s/).find((word) => word.startsWith('http') && word.includes(link));
    if (found) return found;
  }
  assert.fail(`no mail to ${email} with ${link}`);
}

async function fillForm(visitor, person) {
  const { nationality, ...rest } = person;
  for (const [name, value] of Object.entries(rest)) await visitor.fill({ [`field-${name}`]: value });
  await visitor.page.locator('#field-nationality').selectOption(nationality);
  await sleep(FORM_AGE);
}

async function signUp(visitor, person) {
  await visitor.open('/');
  await fillForm(visitor, person);
  await visitor.press('Sign up');
  await visitor.at('Check your mail');
}

// As programs do it.
async function send(person) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${endpoint}/api/v1/sign-ups`, { method: 'POST', headers, body: JSON.stringify(person) });
  assert.equal(answer.status, 202, await answer.text());
}

async function peopleSignUp() {
  const visitor = await come();
  await visitor.open('/');
  await visitor.look('form');
  await fillForm(visitor, { ...ADA, age: '15' });
  // The browser itself would not send it.
  await visitor.page.locator('form').evaluate((form) => { form.noValidate = true; });
  await visitor.press('Sign up', 422);
  await visitor.isToldOf('field-age', '16');
  await visitor.look('form-mistake');
  await visitor.fill({ 'field-age': ADA.age });
  await sleep(FORM_AGE);
  await visitor.press('Sign up');
  await visitor.at('Check your mail');
  await visitor.look('sent');
  await visitor.open(await mailed(ADA.email, '/confirm?t='));
  await visitor.look('confirm');
  await visitor.press('Confirm my address');
  await visitor.at('You are in');
  await visitor.look('welcome');

  await signUp(visitor, GRACE);

  // The page's script proves work while she types, and presses the mail's button for her.
  const scripted = await come({ script: true });
  await signUp(scripted, MARY);
  const link = await mailed(MARY.email, '/confirm?t=');
  // It does so for nobody who is driven by a program, as this browser is, unless it hides that.
  await scripted.open(link);
  await scripted.page.getByRole('button', { name: 'Confirm my address' }).waitFor();
  await scripted.context.addInitScript(() => Object.defineProperty(navigator, 'webdriver', { value: false }));
  await scripted.page.goto(link);
  await scripted.page.getByRole('heading', { name: 'You are in' }).waitFor();
  await scripted.context.close();
  await visitor.context.close();
}

// From a set-up link to an account that is signed in; gives its app and its recovery codes.
async function setAccountUp(admin, link, { password }, { looks = false } = {}) {
  const look = async (name) => looks && admin.look(name);
  await admin.open(link);
  await admin.at('Choose a password');
  await look('set-up-password');
  if (looks) {
    await admin.fill({ password: 'password1234', again: 'password1234' });
    await admin.press('Go on', 422);
    await admin.isToldOf('password', 'Many people use this password');
    await look('set-up-password-weak');
    await admin.fill({ password, again: `${password}!` });
    await admin.press('Go on', 422);
    await admin.isToldOf('again', 'Type the same password in both fields.');
  }
  await admin.fill({ password, again: password });
  await admin.press('Go on');
  await admin.at('Connect your app');
  await look('set-up-app');
  const app = new Authenticator(await admin.text('p.secret'));
  await admin.fill({ code: app.wrong() });
  await admin.press('Go on', 422);
  await admin.isToldOf('code', 'This code does not fit.');
  await look('set-up-app-wrong');
  assert.deepEqual(new Authenticator(await admin.text('p.secret')).key, app.key, 'a mistake changes no secret');
  await admin.fill({ code: await app.code() });
  await admin.press('Go on');
  await admin.at('Keep these codes');
  await look('recovery-codes');
  const codes = await readCodes(admin);
  await admin.link('I have kept them: to the dashboard');
  await admin.at('Dashboard');
  return { app, codes };
}

async function readCodes(admin) {
  const codes = await admin.page.locator('.codes code').allInnerTexts();
  assert.equal(new Set(codes).size, 10);
  for (const code of codes) assert.match(code, /^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
  return codes;
}

async function cookiesAreGuarded(admin) {
  const cookies = await admin.context.cookies();
  const names = cookies.map(({ name }) => name).sort();
  assert.ok(names.length >= 3 && names.every((name) => name.startsWith('__Host-')), names.join());
  for (const { name, secure, httpOnly, sameSite, path } of cookies) {
    assert.deepEqual({ secure, httpOnly, sameSite, path }, { secure: true, httpOnly: true, sameSite: 'Strict', path: '/' }, name);
  }
}

// One of the numbers at the top: the large one, or what is written below it.
async function figure(admin, label, part) {
  return admin.text(`.figures > div:has(dt:text-is("${label}")) .${part}`);
}

async function countsAre(admin, users, confirmed) {
  await admin.open('/admin/dashboard');
  const want = `${users}, and ${confirmed} ${confirmed === 1 ? 'user' : 'users'} confirmed`;
  await admin.until(want, async () =>
    `${await figure(admin, 'Users', 'value')}, and ${await figure(admin, 'Confirmed', 'note')} confirmed` === want);
}

async function signIn(admin, { email, password }, code, status = 200) {
  await admin.fill({ email, password, code });
  await admin.press('Sign in', status);
}

async function comesAndGoes(admin, { app, codes }) {
  const before = await admin.context.cookies();
  await admin.press('Sign out');
  await admin.at('Sign in');
  await admin.says('signed out');
  await admin.look('sign-in');

  const copied = await come();
  await copied.context.addCookies(before);
  await copied.open('/admin/users?by=state&value=pending');
  await copied.at('Sign in');
  await copied.context.close();

  await signIn(admin, OWNER, app.used(), 403);
  await admin.look('sign-in-refused');
  await signIn(admin, { ...OWNER, password: VIEWER.password }, await app.code(), 403);
  await admin.open('/admin/users?by=state&value=pending');
  await signIn(admin, OWNER, await app.code());
  // It leads to where she wanted to go.
  await admin.says('Pending users', 'h2');

  await admin.press('Sign out');
  await signIn(admin, OWNER, codes[0]);
  await admin.at('Dashboard');
  await admin.press('Sign out');
  await signIn(admin, OWNER, codes[0], 403);
  await signIn(admin, OWNER, codes[1]);
  await admin.at('Dashboard');
}

const rows = (admin) => admin.page.locator('table.people tbody tr');
const emails = (admin) => admin.page.locator('table.people tbody th').allInnerTexts();

async function looksAtUsers(admin) {
  const crowd = Array.from({ length: 30 }, (_, at) => ({
    full_name: `Somebody ${at}`, email: `crowd-${at}@example.com`, age: 20 + at, nationality: at % 2 ? 'FR' : 'JP',
  }));
  await Promise.all([0, 1, 2].map(async (of) => {
    for (const person of crowd.filter((_, at) => at % 3 === of)) await send(person);
  }));
  await countsAre(admin, 34, 2);
  await admin.look('dashboard');
  await admin.link('365 days');
  await admin.look('dashboard-year');

  await admin.link('Users');
  await admin.until('all are listed', async () => await rows(admin).count() === PAGE);
  await admin.look('users');
  const first = await emails(admin);
  await admin.page.getByRole('link', { name: 'Older' }).waitFor();
  await admin.follow(admin.page.getByRole('link', { name: 'Older' }));
  const second = await emails(admin);
  assert.equal(new Set([...first, ...second]).size, 34, 'every user is on one page');
  assert.ok(second.includes(ADA.email), 'the newest come first');
  await admin.look('users-older');
  assert.equal(await admin.page.getByRole('link', { name: 'Older' }).count(), 0);
  await admin.follow(admin.page.getByRole('link', { name: 'Newer' }));
  assert.deepEqual(await emails(admin), first);

  await admin.follow(admin.page.locator('.tabs a', { hasText: 'Confirmed' }));
  assert.deepEqual((await emails(admin)).sort(), [ADA.email, MARY.email]);
  await admin.look('users-confirmed');

  await admin.page.locator('#country').selectOption('GB');
  await admin.press('Show this country');
  await admin.at('Users');
  await admin.says('Users from United Kingdom', 'h2');
  assert.deepEqual((await emails(admin)).sort(), [ADA.email, MARY.email]);

  const today = new Date().toISOString().slice(0, 10);
  await admin.fill({ day: today });
  await admin.press('Show this day');
  assert.equal(await rows(admin).count(), PAGE);
  await admin.fill({ day: '2020-02-29' });
  await admin.press('Show this day');
  await admin.says('No user fits.');
  await admin.look('users-none');

  for (const [text, found] of [
    ['gra', [GRACE.email]], ['GRACE@EX', [GRACE.email]], ['ada l', [ADA.email]], ['mary@', [MARY.email]],
  ]) {
    await admin.fill({ search: text });
    await admin.press('Search');
    assert.deepEqual(await emails(admin), found, text);
  }
  await admin.says('by the alphabet');
  await admin.look('users-found');
  await admin.fill({ search: 'g' });
  await admin.press('Search');
  await admin.says('Type two letters or more.');
  await admin.link('Show all users');

  // Other columns than those that are shown at first.
  await admin.page.locator('summary', { hasText: 'Columns' }).click();
  await admin.page.getByRole('checkbox', { name: 'Age', exact: true }).check();
  await admin.press('Show these columns');
  await admin.says(String(crowd.at(-1).age), 'table.people td');
}

async function opensUser(admin, person) {
  await admin.open('/admin/users');
  await admin.fill({ search: person.email });
  await admin.press('Search');
  await admin.link(person.email);
  await admin.at(person.full_name);
}

async function acts(admin) {
  await opensUser(admin, ADA);
  await admin.look('user');
  await opensUser(admin, GRACE);
  await admin.look('user-pending');
  await admin.press('Send the mail again');
  await admin.says('Try again later', '[role=alert]');
  await admin.press('Unsubscribe');
  await admin.says('This user gets no more mail.', '[role=status]');
  await admin.look('user-unsubscribed');
}

async function provesAgain(admin, app) {
  await admin.open('/admin/prove?next=export');
  await admin.at('Is it you?');
  await admin.look('prove');
  await admin.fill({ password: VIEWER.password, code: await app.code() });
  await admin.press('Go on', 403);
  await admin.look('prove-refused');
  await admin.fill({ password: OWNER.password, code: await app.code() });
  await admin.press('Go on');
  await admin.at('Export');
}

async function exports(admin) {
  await admin.look('export');
  const csv = parse(await download(admin, 'Download CSV'));
  const [head, ...people] = csv;
  assert.equal(people.length, 34);
  const field = (email, name) => people.find((it) => it[head.indexOf('email')] === email)[head.indexOf(name)];
  assert.equal(field(FORMULA.email, 'full_name'), "'=1+1");
  assert.equal(field(ADA.email, 'nationality'), 'GB');

  await admin.page.locator('#state').selectOption('confirmed');
  await admin.press('Choose this state');
  await admin.look('export-some');
  const json = JSON.parse(await download(admin, 'Download JSON'));
  assert.equal(json.length, 2);
}

async function download(admin, name) {
  const coming = admin.page.waitForEvent('download');
  await admin.page.getByRole('link', { name, exact: true }).click();
  const file = await coming;
  assert.match(file.suggestedFilename(), /^registration-\d{4}-\d\d-\d\d\.(csv|json)$/);
  return readFileSync(await file.path(), 'utf8');
}

// RFC 4180.
function parse(csv) {
  const lines = [[]];
  for (const [, quoted, plain, end] of csv.replace(/^\uFEFF/, '').matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    lines.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',') lines.push([]);
  }
  return lines.filter((line) => line.length > 1);
}

async function erases(admin) {
  await opensUser(admin, MARY);
  const page = admin.page.url();
  await admin.link('Erase…');
  await admin.at('Erase this user?');
  await admin.look('erase');
  await admin.fill({ confirm: 'yes' });
  await admin.press('Erase for good', 422);
  await admin.isToldOf('confirm', 'Type the address shown above');
  await admin.look('erase-mistake');
  await admin.fill({ confirm: MARY.email });
  await admin.press('Erase for good');
  await admin.at('Users');
  assert.ok(!(await emails(admin)).includes(MARY.email));
  await admin.open(page, 404);
  await admin.look('not-found');
  await admin.link('To the dashboard');
  await countsAre(admin, 33, 1);
}

async function readsAudit(admin, actions) {
  await admin.open('/admin/audit');
  await admin.look('audit');
  const told = await admin.page.locator('table.people tbody th').allInnerTexts();
  while (await admin.page.getByRole('link', { name: 'Older' }).count()) {
    await admin.follow(admin.page.getByRole('link', { name: 'Older' }));
    told.push(...await admin.page.locator('table.people tbody th').allInnerTexts());
  }
  for (const action of actions) assert.ok(told.includes(action), `no “${action}” among:\n${told.join('\n')}`);
}

async function viewerComesAndGoes(owner, app, codes) {
  await owner.open('/admin/security');
  await owner.says('8 recovery codes');
  await owner.press('Make new codes');
  await owner.at('Keep these codes');
  const fresh = await readCodes(owner);
  assert.ok(fresh.every((code) => !codes.includes(code)));
  await owner.open('/admin/security');
  await owner.says('10 recovery codes');
  await owner.says('Chrome on Linux');
  await owner.look('security');

  await owner.fill({ email: OWNER.email });
  await owner.press('Add and show the link', 422);
  await owner.isToldOf('email', 'There is an admin with this address already.');
  await owner.look('security-mistake');
  await owner.fill({ email: VIEWER.email });
  await owner.press('Add and show the link');
  await owner.look('security-link');
  const link = (await owner.page.locator('#link').inputValue()).trim();

  const viewer = await come();
  await setAccountUp(viewer, link, VIEWER);
  await viewer.open(link, 410);
  await viewer.look('set-up-expired');
  await viewer.open('/admin/dashboard');
  assert.equal(await viewer.page.getByRole('link', { name: 'Export' }).count(), 0);
  await viewer.open('/admin/users');
  assert.equal(await viewer.page.getByRole('link', { name: /^Export/ }).count(), 0);
  await opensUser(viewer, ADA);
  await viewer.says('Only owners can change or erase users.');
  await viewer.look('viewer-user');
  const user = new URL(viewer.page.url()).pathname.split('/admin/')[1];
  const csrf = await viewer.csrf();
  await viewer.open('/admin/export', 403);
  await viewer.look('not-allowed');
  assert.equal(await viewer.csrf(), csrf, 'the way out of a refusal works');
  for (const place of ['export.csv', 'export.json', `${user}/erase`]) await viewer.open(`/admin/${place}`, 403);
  assert.equal(await viewer.send(`/admin/${user}/erase`, { csrf, confirm: 'ERASE' }), 403);
  assert.equal(await viewer.send(`/admin/${user}/unsubscribe`, { csrf }), 403);
  assert.equal(await viewer.send('/admin/security/admins/add', { csrf, email: 'x@example.com', role: 'owner' }), 403);
  await viewer.open('/admin/security');
  await viewer.look('viewer-security');
  assert.equal(await viewer.page.getByText('Add an admin').count(), 0);
  await opensUser(owner, ADA);
  assert.equal(await owner.send(`/admin/${user}/erase`, { csrf, confirm: 'ERASE' }), 403, 'of another session');

  await owner.open('/admin/security');
  const row = owner.page.locator('.rows li', { hasText: VIEWER.email });
  await row.locator('summary').click();
  await owner.follow(row.getByRole('button', { name: 'Remove' }));
  await owner.says('The admin has been removed', '[role=status]');
  await viewer.open('/admin/users');
  await viewer.at('Sign in');
  await viewer.look('sign-in-ended');
  await viewer.context.close();
}

try {
  await peopleSignUp();
  const owner = await come();
  const account = await setAccountUp(owner, setUp, OWNER, { looks: true });
  await cookiesAreGuarded(owner);
  await countsAre(owner, 3, 2);
  await comesAndGoes(owner, account);
  await send(FORMULA);
  await countsAre(owner, 4, 2);
  await looksAtUsers(owner);
  await acts(owner);
  await provesAgain(owner, account.app);
  await exports(owner);
  await erases(owner);
  await viewerComesAndGoes(owner, account.app, account.codes);
  await readsAudit(owner, [
    'Set the account up', 'Was refused at sign-in', 'Looked at a user', 'Unsubscribed a user', 'Proved who it is',
    'Exported users', 'Erased a user', 'Made new recovery codes', 'Added an admin', 'Removed an admin',
  ]);
  gallery.judge();
} finally {
  await browser.close();
}
