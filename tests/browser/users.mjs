// Users: counted, listed, found, looked at, exported and erased.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ADA, FORMULA, GRACE, MARY, send } from './world.mjs';

// Users on a page.
const PAGE = 20;

// One of the numbers at the top: the large one, or what is written below it.
async function figure(admin, label, part) {
  return admin.text(`.figures > div:has(dt:text-is("${label}")) .${part}`);
}

export async function countsAre(admin, users, confirmed) {
  await admin.open('/admin/dashboard');
  const want = `${users}, and ${confirmed} ${confirmed === 1 ? 'user' : 'users'} confirmed`;
  await admin.until(want, async () =>
    `${await figure(admin, 'Users', 'value')}, and ${await figure(admin, 'Confirmed', 'note')} confirmed` === want);
}

// Before anybody came.
export async function findsNobody(admin) {
  await admin.open('/admin/dashboard');
  await admin.says('Nobody has signed up yet');
  await admin.look('dashboard-nobody');
  await admin.link('Users');
  await admin.says('Nobody has signed up yet');
  await admin.look('users-nobody');
  await admin.link('Export');
  await admin.says('Nobody fits, so there is nothing to export.');
}

const rows = (admin) => admin.page.locator('table.people tbody tr');
const emails = (admin) => admin.page.locator('table.people tbody th').allInnerTexts();

export async function looksAtUsers(admin) {
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
  await admin.link('Show all');

  // Other columns than those that are shown at first.
  await admin.page.locator('summary', { hasText: 'Columns' }).click();
  await admin.page.getByRole('checkbox', { name: 'Age', exact: true }).check();
  await admin.press('Show these columns');
  await admin.says(String(crowd.at(-1).age), 'table.people td');
}

export async function opensUser(admin, person) {
  await admin.open('/admin/users');
  await admin.fill({ search: person.email });
  await admin.press('Search');
  await admin.link(person.email);
  await admin.at(person.full_name);
}

export async function acts(admin) {
  await opensUser(admin, ADA);
  await admin.look('user');
  await opensUser(admin, GRACE);
  await admin.look('user-pending');
  await admin.press('Send the mail again');
  await admin.says('The next one is possible after 2', '[role=alert]');
  await admin.page.locator('summary', { hasText: 'Unsubscribe' }).click();
  await admin.says('This cannot be undone');
  await admin.press('Unsubscribe');
  await admin.says('This user gets no more mail.', '[role=status]');
  await admin.look('user-unsubscribed');
}

export async function exports(admin) {
  await admin.open('/admin/export');
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

export async function erases(admin) {
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
  await admin.says('The user is erased.', '[role=status]');
  assert.ok(!(await emails(admin)).includes(MARY.email));
  await admin.open(page, 404);
  await admin.look('not-found');
  await admin.link('To the dashboard');
  await countsAre(admin, 33, 1);
}
