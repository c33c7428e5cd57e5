import { expect } from '@playwright/test';

import { elsewhere, LIBRARIES } from './elsewhere.js';
import { inFirefox } from './firefox.js';
import { hear, listen, type Hearing } from './hearing.js';
import { by, shot, test } from './page.js';
import { clip, settled, stack, upload, video } from './stack.js';

// A podcast: a tone in each second, and a cover.

const SECONDS = 60;
const HERTZ = 440;

let id = '';

test.beforeAll(async () => {
  const cover = clip('cover.jpg', '-f lavfi -i color=teal:s=600x600:d=1:r=1 -frames:v 1');
  const source = clip(
    'podcast.mp3',
    `-f lavfi -i aevalsrc=0.5*sin(2*PI*${HERTZ}*t)*lt(mod(t\\,1)\\,0.05):s=44100:d=${SECONDS} ` +
      `-i ${cover} -map 0 -map 1 -c:a libmp3lame -c:v copy -disposition:v attached_pic`,
  );
  id = await upload(source, 'Episode one');
  expect((await settled(id)).status).toBe('ready');
  expect((await video(id)).audio_only).toBe(true);
});

/** It is heard, also after a leap, until it ends. */
async function isHeard(page: Hearing): Promise<void> {
  await page.evaluate(listen);
  const tones = async () => (await page.evaluate(hear, [HERTZ, 2 * HERTZ])).hertz;
  await expect.poll(tones, { timeout: 60_000 }).toEqual([HERTZ]);
  await page.evaluate(() => (document.querySelector('video')!.currentTime = 40));
  await expect.poll(tones, { timeout: 60_000 }).toEqual([HERTZ]);
  const { duration, at, error } = await page.evaluate(() => {
    const { duration, currentTime: at, error } = document.querySelector('video')!;
    return { duration, at, error };
  });
  expect(error).toBeNull();
  expect(at).toBeGreaterThan(40);
  expect(Math.abs(duration - SECONDS)).toBeLessThan(0.1);
  await page.evaluate(() => {
    const video = document.querySelector('video')!;
    video.loop = false;
    video.currentTime = video.duration - 2;
  });
  await expect.poll(() => page.evaluate(() => document.querySelector('video')!.ended)).toBe(true);
}

for (const [library, manifest] of [
  ['hls.js', 'master.m3u8'],
  ['Shaka', 'master.m3u8'],
  ['Shaka', 'manifest.mpd'],
] as const) {
  test(`${library} plays ${manifest} without a picture`, async ({ page }) => {
    const { script, load } = LIBRARIES[library];
    await elsewhere(page, script);
    await page.evaluate<void, string>(load, `${stack.cdn_url}/videos/${id}/${manifest}`);
    await isHeard(page);
  });
}

test('the page plays it, and shows its cover', async ({ page }) => {
  await page.goto(`${stack.site_url}/watch/${id}`);
  await page.waitForSelector('media-player[data-can-play] video');
  const player = by(page, 'watch-player');
  await expect(player).toBeVisible();
  await expect(page.getByText('Resolution')).toHaveCount(0);
  const shown = player.locator('video');
  await expect(shown).toHaveCSS('background-image', new RegExp(`${id}/poster\\.jpg`));
  await shot(page, 'audio-only');
  await isHeard(page);
});

test('the page plays it in Firefox', async ({}) => {
  await inFirefox(async (page) => {
    await page.goto(`${stack.site_url}/watch/${id}`);
    await page.waitForSelector('media-player[data-can-play] video');
    await isHeard(page);
  });
});
