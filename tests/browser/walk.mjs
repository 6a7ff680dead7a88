// A whole walk in a browser: people sign up, an admin sets the account up, looks at them, exports and erases, and has
// a viewer come and go. `browser.rs` starts it on one front after another; whatever does not hold throws.
//
// All of it happens with script switched off, apart from one sign-up, one set-up link, and a session that is ended.
import { changesPassword, endsSessions, readsAudit, viewerComesAndGoes } from './admins.mjs';
import { comesAndGoes, cookiesAreGuarded, provesAgain, setAccountUp, strangersGuess } from './door.mjs';
import { peopleSignUp } from './form.mjs';
import { acts, countsAre, erases, exports, findsNobody, looksAtUsers } from './users.mjs';
import { FORMULA, OWNER, browser, come, gallery, send, setUp } from './world.mjs';

try {
  const owner = await come();
  const account = await setAccountUp(owner, setUp, OWNER, { looks: true });
  await cookiesAreGuarded(owner);
  await findsNobody(owner);
  await peopleSignUp();
  await countsAre(owner, 3, 2);
  await comesAndGoes(owner, account);
  await send(FORMULA);
  await countsAre(owner, 4, 2);
  await looksAtUsers(owner);
  await acts(owner);
  await provesAgain(owner, account.app, { looks: true });
  await exports(owner);
  await erases(owner);
  await provesAgain(owner, account.app);
  await viewerComesAndGoes(owner, account.codes);
  await provesAgain(owner, account.app);
  await endsSessions(owner, account.app);
  await strangersGuess(owner, account.app);
  await changesPassword(owner);
  await readsAudit(owner, [
    'Set the account up', 'Gave a wrong password or code', 'Looked at a user', 'Unsubscribed a user', 'Proved who it is',
    'Exported users: CSV, everybody', 'Exported users: JSON, state confirmed', 'Erased a user', 'Made new recovery codes', 'Added an admin: viewer', 'Removed an admin',
    'Was not allowed', 'Sent a form of another page', 'Changed the password',
  ]);
  gallery.judge();
} finally {
  await browser.close();
}
