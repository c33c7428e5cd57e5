/** What the deployment says about itself. It is written next to the page, not built into it. */
export interface Config {
  /** The API's base URL, without a slash at its end. */
  apiUrl: string;
  /** The base URL at which one video is looked up without a token: through the CDN, if there is one. */
  lookupUrl: string;
}

let config: Promise<Config> | undefined;

export function loadConfig(): Promise<Config> {
  config ??= fetchConfig().catch((why: unknown) => {
    config = undefined;
    throw why;
  });
  return config;
}

async function fetchConfig(): Promise<Config> {
  const response = await fetch('/config.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`/config.json answered ${response.status}.`);
  const { api_url: url, lookup_url: lookup = url } = (await response.json()) as {
    api_url?: unknown;
    lookup_url?: unknown;
  };
  if (typeof url !== 'string') throw new Error('/config.json has no api_url.');
  return { apiUrl: base(url), lookupUrl: base(typeof lookup === 'string' ? lookup : url) };
}

const base = (url: string): string => new URL(url, location.origin).href.replace(/\/+$/, '');
