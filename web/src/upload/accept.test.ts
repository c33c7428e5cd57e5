import { expect, test } from 'vitest';
import { check } from './accept';

const limits = {
  max_upload_bytes: 1_000_000,
  default_visibility: 'public' as const,
  accepted: [
    { extension: 'mp4', content_types: ['video/mp4', 'application/mp4'] },
    { extension: 'MOV', content_types: ['video/quicktime'] },
  ],
};

const file = (name: string, size = 1) => ({ name, size });

test('the content type is the one that the server stores', () => {
  expect(check(file('a.mp4'), limits)).toEqual({ contentType: 'video/mp4' });
  expect(check(file('A.Mov'), limits)).toEqual({ contentType: 'video/quicktime' });
});

test.each([
  ['notes.txt', 1, 'not supported'],
  ['mp4', 1, 'not supported'],
  ['a.mp4', 0, 'empty'],
  ['a.mp4', 1_000_001, 'The limit is 1 MB.'],
])('%s of %i bytes is refused', (name, size, why) => {
  expect(check(file(name, size), limits)).toEqual({
    refused: expect.stringContaining(why) as string,
  });
});
