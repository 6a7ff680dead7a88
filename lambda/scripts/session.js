// A page of the admins stays as long as the session does: ended elsewhere, by whomever, what it shows is gone within a
// minute. To ask is no use of the session. Without scripts a page goes when the session would have ended unused.
'use strict';

(() => {
  const MINUTE = 60_000;
  const admin = new URL('admin/', document.currentScript.src).href;
  const pages = new BroadcastChannel('admin');
  let left = 0;

  const leave = () => {
    // What is shown goes at once, whatever becomes of the way to the sign-in.
    document.body.replaceChildren();
    location.replace(`${admin}sign-in?ended=1&next=${encodeURIComponent(location.href.slice(admin.length))}`);
  };

  const ask = async () => {
    const answer = await fetch(`${admin}session`, { cache: 'no-store', redirect: 'manual' }).catch(() => null);
    // It leads to the sign-in. While nothing answers, or something else, nothing has ended. A page that is on its way to
    // the next one may have asked by a cookie that is just being replaced.
    if (answer?.type === 'opaqueredirect' && Date.now() - left > MINUTE) leave();
  };

  // The sign-in shows nothing, and tells the others to look.
  if (!document.querySelector('form.account')) return pages.postMessage('look');

  pages.addEventListener('message', ask);
  addEventListener('pageshow', ({ persisted }) => persisted && ask());
  addEventListener('beforeunload', () => { left = Date.now(); });
  document.addEventListener('visibilitychange', () => document.hidden || ask());
  setInterval(ask, MINUTE);
})();
