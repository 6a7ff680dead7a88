// Admins: their security page, another admin who comes and goes, and what the audit log says of it.
import assert from 'node:assert/strict';
import { pasteCode, readCodes, setAccountUp, signIn } from './door.mjs';
import { opensUser } from './users.mjs';
import { ADA, OWNER, VIEWER, come } from './world.mjs';

export async function readsAudit(admin, actions) {
  await admin.open('/admin/audit');
  await admin.look('audit');
  const told = await admin.page.locator('table.people tbody th').allInnerTexts();
  while (await admin.page.getByRole('link', { name: 'Older' }).count()) {
    await admin.follow(admin.page.getByRole('link', { name: 'Older' }));
    told.push(...await admin.page.locator('table.people tbody th').allInnerTexts());
  }
  for (const action of actions) assert.ok(told.includes(action), `no “${action}” among:\n${told.join('\n')}`);
}

// Presses a button of another admin's.
async function changes(owner, { email }, name) {
  await owner.open('/admin/security');
  const row = owner.page.locator('.rows li', { hasText: email });
  await row.locator('summary').click();
  await owner.follow(row.getByRole('button', { name }));
}

export async function changesPassword(admin) {
  await admin.open('/admin/security');
  await admin.link('Change your password');
  await admin.look('password');
  await admin.fill({ current: VIEWER.password, password: 'password1234', again: 'password1234' });
  await admin.press('Change the password', 422);
  await admin.isToldOf('current', 'This is not your current password.');
  await admin.isToldOf('password', 'Many people use this password');
  await admin.look('password-mistake');
  const password = `${OWNER.password}, once more`;
  await admin.fill({ current: OWNER.password, password, again: password });
  await admin.press('Change the password');
  await admin.says('Your password has been changed', '[role=status]');
  await admin.look('password-changed');
}

// A session that was left open elsewhere is ended from here, and what its pages showed there goes, where scripts run.
export async function endsSessions(owner, app) {
  const elsewhere = await come({ script: true });
  await elsewhere.open('/admin/sign-in');
  await signIn(elsewhere, OWNER, await app.code());
  await elsewhere.at('Dashboard');
  const left = await elsewhere.context.newPage();
  await left.goto(`${elsewhere.endpoint}/admin/users`);
  assert.equal(await left.locator('h1').innerText(), 'Users');
  await owner.open('/admin/security');
  await owner.follow(owner.page.getByRole('button', { name: /^End the session/ }).first());
  await owner.says('The session has ended.', '[role=status]');
  await elsewhere.open('/admin/audit');
  await elsewhere.at('Sign in');
  await left.waitForURL('**/admin/sign-in?ended=1&next=users');
  await elsewhere.context.close();
}

export async function viewerComesAndGoes(owner, codes) {
  await owner.open('/admin/security');
  await owner.says('8 recovery codes');
  await owner.page.locator('summary', { hasText: 'Make new codes' }).click();
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
  await viewer.open(link);
  await pasteCode(viewer, link, 410);
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

  await changes(owner, VIEWER, /^Make owner/);
  await owner.says('The role has been changed.', '[role=status]');
  await viewer.open('/admin/export');
  await changes(owner, VIEWER, /^New set-up link/);
  const again = (await owner.page.locator('#link').inputValue()).trim();
  const quick = await come({ script: true });
  // Where the page says that it is when it sends the code.
  const at = [];
  quick.page.on('request', (request) => request.method() === 'POST' && at.push(quick.page.url()));
  await quick.open(again);
  await quick.page.getByRole('heading', { name: 'Choose a password' }).waitFor();
  assert.deepEqual(at, [again.split('#')[0]], 'the code is not in the address bar any more');
  await setAccountUp(viewer, again, { password: `${VIEWER.password} home` });
  await changes(owner, VIEWER, /^Remove/);
  await owner.says('The admin has been removed', '[role=status]');
  await viewer.open('/admin/users');
  await viewer.at('Sign in');
  await viewer.look('sign-in-ended');
  await viewer.context.close();
}
