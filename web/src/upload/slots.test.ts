import { expect, test } from 'vitest';
import { Slots } from './slots';

const settled = async (promise: Promise<void>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((no) => setTimeout(no, 0, false))]);

test('the next in line starts when one leaves', async () => {
  const slots = new Slots(1);
  const [first, second, third] = [{}, {}, {}];
  await slots.take(first);
  const turns = [slots.take(second), slots.take(third)] as const;
  expect(await settled(turns[0])).toBe(false);
  slots.leave(first);
  expect(await settled(turns[0])).toBe(true);
  expect(await settled(turns[1])).toBe(false);
});

test('who leaves the line does not take a slot', async () => {
  const slots = new Slots(1);
  const [first, second, third] = [{}, {}, {}];
  await slots.take(first);
  const turns = [slots.take(second), slots.take(third)] as const;
  slots.leave(second);
  expect(await settled(turns[0])).toBe(true);
  expect(await settled(turns[1])).toBe(false);
  slots.leave(first);
  expect(await settled(turns[1])).toBe(true);
});

test('one that is resumed by hand may exceed the limit, and then others wait for it', async () => {
  const slots = new Slots(1);
  const [first, second, third] = [{}, {}, {}];
  await slots.take(first);
  slots.force(second);
  const turn = slots.take(third);
  slots.leave(first);
  expect(await settled(turn)).toBe(false);
  slots.leave(second);
  expect(await settled(turn)).toBe(true);
});
