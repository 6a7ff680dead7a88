// The form: people sign up and confirm, without script and with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { ADA, GRACE, MARY, come, mailed } from './world.mjs';

// A form has to be open for so long before it is sent, and a little more.
const FORM_AGE = 2_100;

async function fillForm(visitor, person) {
  const { nationality, ...rest } = person;
  for (const [name, value] of Object.entries(rest)) await visitor.fill({ [`field-${name}`]: value });
  await visitor.page.locator('#field-nationality').selectOption(nationality);
  await sleep(FORM_AGE);
}

async function signUp(visitor, person) {
  await visitor.open('/');
  await fillForm(visitor, person);
  await visitor.press('Sign up');
  await visitor.at('Check your mail');
}

export async function peopleSignUp() {
  const visitor = await come();
  await visitor.open('/');
  await visitor.look('form');
  await fillForm(visitor, { ...ADA, age: '15' });
  // The browser itself would not send it.
  await visitor.page.locator('form').evaluate((form) => { form.noValidate = true; });
  await visitor.press('Sign up', 422);
  await visitor.isToldOf('field-age', '16');
  await visitor.look('form-mistake');
  await visitor.fill({ 'field-age': ADA.age });
  await sleep(FORM_AGE);
  await visitor.press('Sign up');
  await visitor.at('Check your mail');
  await visitor.look('sent');
  await visitor.open(await mailed(ADA.email, '/confirm?t='));
  await visitor.look('confirm');
  await visitor.press('Confirm my address');
  await visitor.at('You are in');
  await visitor.look('welcome');

  await signUp(visitor, GRACE);

  // The page's script proves work while she types, and presses the mail's button for her.
  const scripted = await come({ script: true });
  await signUp(scripted, MARY);
  const link = await mailed(MARY.email, '/confirm?t=');
  // It does so for nobody who is driven by a program, as this browser is, unless it hides that.
  await scripted.open(link);
  await scripted.page.getByRole('button', { name: 'Confirm my address' }).waitFor();
  await scripted.context.addInitScript(() => Object.defineProperty(navigator, 'webdriver', { value: false }));
  await scripted.page.goto(link);
  await scripted.page.getByRole('heading', { name: 'You are in' }).waitFor();
  await scripted.context.close();
  await visitor.context.close();
}
