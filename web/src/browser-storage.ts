/** What the browser did not take. */
const fallback = new Map<string, string>();

/**
 * localStorage, where the browser allows it: in a frame of another site it may not, and then what
 * is kept lives as long as the page.
 */
export const browserStorage = {
  getItem: (key: string): string | null =>
    attempt(() => localStorage.getItem(key)) ?? fallback.get(key) ?? null,
  setItem: (key: string, value: string): void => {
    fallback.set(key, value);
    attempt(() => {
      localStorage.setItem(key, value);
      fallback.delete(key);
    });
  },
  removeItem: (key: string): void => {
    fallback.delete(key);
    attempt(() => localStorage.removeItem(key));
  },
};

function attempt<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}
