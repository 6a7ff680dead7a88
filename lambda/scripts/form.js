// Solves the form's challenge while a person fills it, so that sending it costs no wait.
//
// It only adds. Where it is not loaded or anything in it fails, the form is sent as the browser sends it, only
// without a proof of work, and the service judges it more strictly. It keeps nothing and asks nobody else.
'use strict';

(() => {
  // Attempts given to the browser at once: enough for all its threads.
  const LANES = 8;
  // In milliseconds: how long sending waits for a proof; when it may be tried once more, where the page is
  // still here; how long no other challenge is asked for at least; how long before it expires one is replaced.
  const PATIENCE = 5e3, STUCK = 2e4, PAUSE = 1e4, MARGIN = 6e4;

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

  // ALTCHA, version 2: which counter makes a key that begins with the prefix? Every attempt is an await, so
  // the page stays awake meanwhile.
  async function solve({ parameters, signature }) {
    const { algorithm, cost, data, keyLength, keyPrefix, nonce, salt } = parameters;
    if (algorithm !== 'PBKDF2/SHA-256') throw new Error(algorithm);
    const [start, end, grains] = [nonce, keyPrefix, salt].map(bytes);
    const rule = { name: 'PBKDF2', hash: 'SHA-256', salt: grains, iterations: cost };
    let solution;
    const lane = async (counter) => {
      for (; !solution && counter < data.attempts; counter += LANES) {
        const password = new Uint8Array(start.length + 4);
        password.set(start);
        new DataView(password.buffer).setUint32(start.length, counter);
        const secret = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
        const key = new Uint8Array(await crypto.subtle.deriveBits(rule, secret, keyLength * 8));
        if (end.every((byte, at) => byte === key[at])) solution = { counter, derivedKey: hex(key) };
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, first) => lane(first)));
    return btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));
  }

  // A field of the form may be called `submit` or `dataset` and hide the form's own property of that name;
  // names of fields have no capitals, so what is used here has some, or comes from the prototype.
  function attend(form) {
    const button = form.querySelector('button');
    const status = form.querySelector('[role=status]');
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = 'altcha';
    let work, goodUntil = 0, sending = false, stuck;

    async function prove() {
      const answer = await fetch(form.getAttribute('data-challenge'));
      const challenge = await answer.json();
      // By the service's clock, since this machine's may be wrong.
      const now = Date.parse(answer.headers.get('Date')) || Date.now();
      const life = challenge.parameters.expiresAt * 1e3 - now - MARGIN;
      const end = Date.now() + Math.max(life, PAUSE);
      field.value = await solve(challenge);
      form.appendChild(field);
      return end;
    }

    // One proof at a time; ends when there is one, or when there is none to be had.
    function prepare() {
      if (Date.now() >= goodUntil) {
        goodUntil = Infinity;
        field.value = '';
        work = prove().catch(() => Date.now() + PAUSE).then((end) => { goodUntil = end; });
      }
      return work;
    }

    // `words` are read out and stand beside the button; none take back what stood there.
    function show(busy, words = '') {
      sending = busy;
      if (status) status.textContent = words;
      // Not `disabled`, which would take the focus away.
      for (const name of ['aria-busy', 'aria-disabled']) button?.setAttribute(name, busy);
    }

    // A proof that was sent is used up.
    function again() {
      clearTimeout(stuck);
      show(false);
      goodUntil = 0;
      prepare();
    }

    for (const event of ['focusin', 'input', 'pointerdown']) form.addEventListener(event, prepare);
    form.addEventListener('submit', (event) => {
      if (sending) return event.preventDefault();
      show(true);
      // Where the page is still here by then, the request was stopped or has failed.
      stuck = setTimeout(again, STUCK);
      const ready = prepare();
      if (field.value) return;
      event.preventDefault();
      show(true, form.getAttribute('data-wait'));
      Promise.race([ready, pause(PATIENCE)]).then(() => HTMLFormElement.prototype.submit.call(form));
    });
    addEventListener('pageshow', (event) => event.persisted && again());
  }

  document.querySelectorAll('form[data-challenge]').forEach(attend);
  document.querySelector('.summary[tabindex="-1"], .notice[tabindex="-1"]')?.focus();
})();
