// The door: an account is set up, signed in to, guessed at, and left.
import assert from 'node:assert/strict';
import { Authenticator } from './authenticator.mjs';
import { OWNER, VIEWER, come } from './world.mjs';

// From a set-up link to an account that is signed in; gives its app and its recovery codes.
export async function setAccountUp(admin, link, { password }, { looks = false } = {}) {
  const look = async (name) => looks && admin.look(name);
  await admin.open(link);
  await admin.at('Set up your account');
  await look('set-up');
  await pasteCode(admin, link);
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

// What the page's script does for whoever has scripts.
export async function pasteCode(admin, link, status = 200) {
  await admin.fill({ token: link.split('#')[1] });
  await admin.press('Go on', status);
}

export async function readCodes(admin) {
  const codes = await admin.page.locator('.codes code').allInnerTexts();
  assert.equal(new Set(codes).size, 10);
  for (const code of codes) assert.match(code, /^([A-Z2-7]{4}-){5}[A-Z2-7]{4}$/);
  return codes;
}

export async function cookiesAreGuarded(admin) {
  const cookies = await admin.context.cookies();
  const names = cookies.map(({ name }) => name).sort();
  assert.ok(names.length >= 3 && names.every((name) => name.startsWith('__Host-')), names.join());
  for (const { name, secure, httpOnly, sameSite, path } of cookies) {
    assert.deepEqual({ secure, httpOnly, sameSite, path }, { secure: true, httpOnly: true, sameSite: 'Strict', path: '/' }, name);
  }
}

export async function signIn(admin, { email, password }, code, status = 200) {
  await admin.fill({ email, password, code });
  await admin.press('Sign in', status);
}

// What is hard to take back takes password and code within the last minutes.
export async function provesAgain(admin, app, { looks = false } = {}) {
  await admin.open('/admin/prove?next=security');
  await admin.at('Is it you?');
  if (looks) {
    await admin.look('prove');
    await admin.fill({ password: VIEWER.password, code: await app.code() });
    await admin.press('Go on', 403);
    await admin.look('prove-refused');
  }
  await admin.fill({ password: OWNER.password, code: await app.code() });
  await admin.press('Go on');
  await admin.at('Security');
}

// A stranger who guesses waits, and keeps nobody out who is known here.
export async function strangersGuess(admin, app) {
  await admin.press('Sign out');
  const stranger = await come();
  await stranger.open('/admin/sign-in');
  const guess = (status) => signIn(stranger, { email: 'root@example.com', password: 'let me in, please' }, '000000', status);
  for (let tries = 0; tries < 5; tries += 1) await guess(403);
  await guess(429);
  await stranger.look('sign-in-many');
  await stranger.context.close();
  await signIn(admin, OWNER, await app.code());
  await admin.at('Dashboard');
}

export async function comesAndGoes(admin, { app, codes }) {
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
