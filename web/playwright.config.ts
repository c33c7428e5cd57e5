import { defineConfig } from '@playwright/test';

// `cargo reelrun test` sets these: the page is tried on a stack with the real functions.
const executablePath = process.env.REELRUN_CHROMIUM;
if (!executablePath || !process.env.REELRUN_STACK) {
  throw new Error('Run these tests with `cargo reelrun test`, which starts a stack for them.');
}

export default defineConfig({
  testDir: 'e2e',
  outputDir: process.env.REELRUN_PAGE_RESULTS ?? 'test-results',
  // Encodes take what the machine has; several at once would only wait for each other.
  workers: 1,
  timeout: 300_000,
  expect: { timeout: 30_000 },
  retries: Number(process.env.PLAYWRIGHT_RETRIES ?? 0),
  reporter: 'list',
  use: {
    viewport: { width: 1280, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--autoplay-policy=no-user-gesture-required',
        // Pages of somebody else, served by the tests; in a browser that lets the internet's pages ask
        // this machine, as most have.
        '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
        '--host-resolver-rules=MAP *.example 127.0.0.1',
      ],
    },
  },
});
