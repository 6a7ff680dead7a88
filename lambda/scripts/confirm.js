// Presses the button of the page behind the link in the mail, so that one tap confirms.
//
// Only for a person: programs that scan mail open pages too, mostly unseen or driven by another program. They,
// and everybody without scripts, find the button as it is.
'use strict';

(() => {
  const button = document.querySelector('#confirm button');
  // Whoever comes back, or loads the page anew, has seen what the button does and presses it if need be.
  const [arrival] = performance.getEntriesByType('navigation');
  let pressed = navigator.webdriver || /reload|back_forward/.test(arrival?.type);

  function press() {
    if (pressed || document.prerendering || document.visibilityState !== 'visible') return;
    pressed = true;
    button.click();
  }

  document.addEventListener('visibilitychange', press);
  document.addEventListener('prerenderingchange', press);
  press();
})();
