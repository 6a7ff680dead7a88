// An authenticator app: RFC 6238 with node's own HMAC.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const PERIOD = 30_000;

export class Authenticator {
  // The last step whose code was given away: the service takes none twice, nor one before it.
  last = 0;

  // The secret as the page shows it, in Base32 with spaces.
  constructor(shown) {
    const letters = [...shown.replace(/\s/g, '')];
    assert.equal(letters.length, 32, 'a secret of 160 bits');
    const bits = letters.map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'));
    this.key = Buffer.from(bits.join('').match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  }

  at(step) {
    const message = Buffer.alloc(8);
    message.writeBigUInt64BE(BigInt(step));
    const hash = createHmac('sha1', this.key).update(message).digest();
    const number = hash.readUInt32BE(hash[19] & 15) & 0x7fff_ffff;
    return String(number % 1_000_000).padStart(6, '0');
  }

  // A code that was not used yet and is shown for some seconds more, so that it is good until it is sent.
  async code() {
    const now = () => Date.now() / PERIOD;
    while (now() < this.last + 1 || now() % 1 > 0.75) await sleep(250);
    this.last = Math.floor(now());
    return this.at(this.last);
  }

  used() {
    return this.at(this.last);
  }

  // Six digits that are no code of these minutes.
  wrong() {
    const now = Math.floor(Date.now() / PERIOD);
    const near = [-3, -2, -1, 0, 1, 2, 3].map((by) => this.at(now + by));
    return ['000000', '111111', '222222', '333333', '444444', '555555', '666666', '777777']
      .find((digits) => !near.includes(digits));
  }
}
