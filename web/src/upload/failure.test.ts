import { expect, test } from 'vitest';
import { ProblemError, SignedOutError, UnreachableError, UPLOAD_EXPIRED } from '../problem';
import { backoff, failureOf } from './failure';

const s3 = (status: number) => Object.assign(new Error('S3'), { status });

test.each([
  ['no connection to the API', new UnreachableError(), 'wait'],
  ['no connection to S3', Object.assign(new Error(), { code: 'NETWORK' }), 'wait'],
  ['the API is busy', new ProblemError(503, 'about:blank', ''), 'wait'],
  ['S3 is busy', s3(503), 'wait'],
  ['S3 refuses', s3(403), 'doubt'],
  ['S3 has the file already', s3(412), 'arrived'],
  ['S3 knows the upload no more', s3(404), 'restart'],
  ['the API signs no more', new ProblemError(403, 'about:blank', ''), 'doubt'],
  ['the source is there already', new ProblemError(409, 'about:blank', ''), 'doubt'],
  ['the time is over', new ProblemError(403, UPLOAD_EXPIRED, ''), 'renew'],
  ['nobody signed in', new SignedOutError(), 'ask'],
  ['too large', new ProblemError(413, 'about:blank', ''), 'never'],
  ['anything else', new Error('odd'), 'ask'],
])('%s', (_, why, remedy) => expect(failureOf(why).remedy).toBe(remedy));

test('the delay doubles up to half a minute', () => {
  expect([1, 2, 3, 6, 60].map(backoff)).toEqual([1_000, 2_000, 4_000, 30_000, 30_000]);
});
