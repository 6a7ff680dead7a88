// Goes on with the code of a set-up link. It is in the link's fragment, which no browser sends, so that it is in no log
// of whatever stands between; without scripts it is pasted into the field.
'use strict';

(() => {
  const form = document.querySelector('#set-up');
  const code = location.hash.slice(1);
  if (!code) return;
  // Nor is it in the address bar any more, to be copied or looked at.
  history.replaceState(null, '', location.pathname);
  form.elements.namedItem('token').value = code;
  form.requestSubmit();
})();
