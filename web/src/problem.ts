/** The API's errors (RFC 9457) and those of the way to it. */

import type { ProblemType } from './schema';

export const UPLOAD_EXPIRED: ProblemType = 'urn:reelrun:problem:upload-expired';

/** The API answered, with an error. */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    detail: string,
  ) {
    super(detail);
  }

  static async of(response: Response): Promise<ProblemError> {
    const body = await response.json().then(asRecord, () => asRecord(null));
    const text = [body['detail'], body['title']].find((value) => typeof value === 'string');
    const type = typeof body['type'] === 'string' ? body['type'] : 'about:blank';
    const fallback = `The server answered with the error ${response.status}. Try again in a moment.`;
    return new ProblemError(response.status, type, text ?? fallback);
  }
}

/** No answer came. */
export class UnreachableError extends Error {
  constructor(options?: ErrorOptions) {
    super('The server could not be reached. Check the connection, then try again.', options);
  }
}

/** A call needs the token and the viewer did not give it. */
export class SignedOutError extends Error {
  constructor() {
    super('This needs the API token. Sign in, then try again.');
  }
}

export const messageOf = (why: unknown): string =>
  why instanceof Error && why.message ? why.message : 'Something went wrong. Reload the page.';

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
