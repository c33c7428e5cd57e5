import { browserStorage } from './browser-storage';
import { Emitter } from './emitter';

const KEY = 'reelrun.token';

/** Says whether there is a token, each time that changes. */
export const signedInChanged = new Emitter<boolean>();

export const token = (): string | null => browserStorage.getItem(KEY);

export function setToken(value: string): void {
  browserStorage.setItem(KEY, value);
  signedInChanged.emit(true);
}

/** For a token that was not accepted: nobody signed out, another one is asked for. */
export function dropToken(): void {
  browserStorage.removeItem(KEY);
}

export function signOut(): void {
  dropToken();
  signedInChanged.emit(false);
}
