import { Emitter } from './emitter';

const KEY = 'reelrun.token';

/** Says whether there is a token, each time that changes. */
export const signedInChanged = new Emitter<boolean>();

// The token is this tab's own: it outlives a reload, and no other tab of this origin can read it, such
// as one that shows a file that somebody uploaded. Where the browser allows no storage, it lives as
// long as the page.
let held = attempt(() => sessionStorage.getItem(KEY)) ?? null;

// An earlier version left it where every page of the origin could read it.
attempt(() => localStorage.removeItem(KEY));

export const token = (): string | null => held;

export function setToken(value: string): void {
  held = value;
  attempt(() => sessionStorage.setItem(KEY, value));
  signedInChanged.emit(true);
}

/** For a token that was not accepted: nobody signed out, another one is asked for. */
export function dropToken(): void {
  held = null;
  attempt(() => sessionStorage.removeItem(KEY));
}

export function signOut(): void {
  dropToken();
  signedInChanged.emit(false);
}

function attempt<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}
