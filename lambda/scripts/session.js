// A page of the admins stays as long as the session does: ended elsewhere, by whomever, what it shows is gone within a
// minute or so. To ask is no use of the session. Without scripts a page goes when the session would have ended unused.
'use strict';

(() => {
  const MINUTE = 60_000;
  // Until the answer to a form is there that may replace the cookie: to one of this page, and to one of another.
  const [OWN, OTHER] = [20_000, 3_000];
  const PATIENCE = 10_000;
  const admin = new URL('admin/', document.currentScript.src).href;
  const who = document.querySelector('form.account .who')?.textContent ?? '';
  const pages = window.BroadcastChannel && new BroadcastChannel('admin');
  let sent = -OWN;
  let looking = false;

  // Whether the session is open; nothing where that cannot be told, as while nothing answers.
  const isOpen = async () => {
    const signal = AbortSignal.timeout?.(PATIENCE);
    const asked = fetch(`${admin}session`, { cache: 'no-store', redirect: 'manual', signal });
    const answer = await asked.catch(() => null);
    if (answer?.status === 204) return true;
    // To the sign-in.
    return answer?.type === 'opaqueredirect' ? false : undefined;
  };

  const isSending = () => performance.now() - sent < OWN;

  const leave = () => {
    // What was shown goes, whatever becomes of the way to the sign-in.
    document.body.replaceChildren();
    const next = `${location.origin}${location.pathname}${location.search}`.slice(admin.length);
    location.replace(`${admin}sign-in?ended=1&next=${encodeURIComponent(next)}`);
  };

  const look = async () => {
    if (looking || isSending()) return;
    looking = true;
    if (await isOpen() === false) {
      document.body.style.visibility = 'hidden';
      await new Promise((done) => { setTimeout(done, OTHER); });
      if (isSending() || await isOpen()) document.body.style.visibility = '';
      else leave();
    }
    looking = false;
  };

  // The sign-in shows nothing; it tells the others to look, and a page whose it is.
  pages?.postMessage(who);
  if (!who) return;

  pages?.addEventListener('message', ({ data }) => {
    if (!data) look();
    else if (data !== who) leave();
  });
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return;
    // The form that led away was answered.
    sent = -OWN;
    look();
  });
  addEventListener('submit', () => { sent = performance.now(); });
  document.addEventListener('visibilitychange', () => document.hidden || look());
  setInterval(look, MINUTE);
})();
