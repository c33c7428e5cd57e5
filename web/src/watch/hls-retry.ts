import type { HlsConfig, LoaderConfig, RetryConfig } from 'hls.js';

/**
 * hls.js gives up at once a request whose connection broke (it can't tell that from an answer that
 * the page may not read), and with it, if it was for sound, the whole video. Networks are changed
 * and lost in the middle of a film: such requests are made again, like those that a busy server
 * refuses.
 */
const shouldRetry: RetryConfig['shouldRetry'] = (config, count, _timeout, answer, retry) =>
  retry || (answer?.code === 0 && count < (config?.maxNumRetry ?? 0));

const policy = (maxLoadTimeMs: number): { default: LoaderConfig } => ({
  default: {
    maxTimeToFirstByteMs: 10_000,
    maxLoadTimeMs,
    timeoutRetry: { maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0 },
    // Some forty seconds in all: what is buffered plays on meanwhile.
    errorRetry: { maxNumRetry: 7, retryDelayMs: 1_000, maxRetryDelayMs: 8_000, shouldRetry },
  },
});

/** How long hls.js tries to load what it needs. */
export const retryPolicies: Partial<HlsConfig> = {
  playlistLoadPolicy: policy(20_000),
  fragLoadPolicy: policy(120_000),
};
