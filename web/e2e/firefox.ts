import { expect } from '@playwright/test';
import puppeteer, { type Page } from 'puppeteer-core';

import { withSoundDevice } from './sound-device.js';

/** Runs with a page of Firefox, which Playwright drives only in a build of its own. */
export async function inFirefox(run: (page: Page) => Promise<void>): Promise<void> {
  const executablePath = process.env.REELRUN_FIREFOX;
  expect(executablePath, 'Firefox is needed (Debian: firefox-esr)').toBeTruthy();
  await withSoundDevice(async (server) => {
    const firefox = await puppeteer.launch({
      browser: 'firefox',
      executablePath,
      env: { ...process.env, PULSE_SERVER: server },
      extraPrefsFirefox: { 'media.autoplay.default': 0 },
    });
    try {
      await run(await firefox.newPage());
    } finally {
      await firefox.close();
    }
  });
}
