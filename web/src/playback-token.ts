/**
 * The token in this page's address, by which a private video is watched: `/watch/{id}#token=…`. It is
 * in the fragment, which browsers send to no server.
 */
export function playbackToken(): string | null {
  return /^#token=([\w-]+\.[\w-]+\.[\w-]+)$/.exec(location.hash)?.[1] ?? null;
}

/** The token in the address of a private video's file. */
export function tokenIn(url: string): string | null {
  return /\/s\/([\w-]+\.[\w-]+\.[\w-]+)\//.exec(url)?.[1] ?? null;
}

/** When a token stops opening its video; null if it says nothing that can be read. */
export function expiryOf(token: string): Date | null {
  try {
    const payload = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '';
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    return typeof exp === 'number' ? new Date(exp * 1000) : null;
  } catch {
    return null;
  }
}

export const isExpired = (token: string, now: Date): boolean => {
  const expiry = expiryOf(token);
  return expiry !== null && expiry <= now;
};
