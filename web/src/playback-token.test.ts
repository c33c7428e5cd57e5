import { expect, test } from 'vitest';
import { expiryOf, isExpired, tokenIn } from './playback-token';

const token = (claims: object) =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`;

test('a token says when it expires', () => {
  const one = token({ exp: 1_795_000_000, ref: ['fünf.example?>'] });
  expect(expiryOf(one)).toEqual(new Date(1_795_000_000_000));
  expect(isExpired(one, new Date(1_795_000_000_000))).toBe(true);
  expect(isExpired(one, new Date(1_794_999_999_999))).toBe(false);
});

test('what says nothing never expires here: the edge decides', () => {
  for (const strange of ['', 'a.b.c', token({}), token({ exp: 'soon' })]) {
    expect(expiryOf(strange)).toBeNull();
    expect(isExpired(strange, new Date())).toBe(false);
  }
});

test('the token of an address is found', () => {
  expect(tokenIn('https://cdn.example/s/aa.b-b.c_c/01936f1e/master.m3u8')).toBe('aa.b-b.c_c');
  expect(tokenIn('https://cdn.example/videos/01936f1e/master.m3u8')).toBeNull();
});
