import { expect } from '@playwright/test';
import type { MediaPlayerElement } from 'vidstack/elements';

import { elsewhere, LIBRARIES, type Libraries } from './elsewhere.js';
import { inFirefox } from './firefox.js';
import { hear, listen, type Hearing } from './hearing.js';
import { by, test } from './page.js';
import { clip, picture, settled, stack, upload, video } from './stack.js';

// Several sounds in one file, in players that others have made and in the page. Each has a tone of its own,
// and all of them sound at the same times.

const SECONDS = 60;
const TONES = { English: 440, Deutsch: 660, Français: 880, 'English (commentary)': 1100 };
type Name = keyof typeof TONES;

let id = '';

test.beforeAll(async () => {
  const sounds = Object.values(TONES).map(
    (hertz) =>
      `-f lavfi -i aevalsrc=0.5*sin(2*PI*${hertz}*t)*lt(mod(t\\,1)\\,0.05):s=48000:d=${SECONDS}`,
  );
  const source = clip(
    'languages.mp4',
    `${picture('320x180', SECONDS)} ${sounds.join(' ')} -map 0 -map 1 -map 2 -map 3 -map 4 ` +
      '-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -movflags +faststart ' +
      '-metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -metadata:s:a:2 language=fre ' +
      '-metadata:s:a:3 language=eng -metadata:s:a:3 title=Commentary -disposition:a:3 comment',
  );
  id = await upload(source, 'In three languages');
  expect((await settled(id)).status).toBe('ready');
  expect((await video(id)).audio_tracks.map(({ name }) => name)).toEqual(Object.keys(TONES));
});

/** Between two times within a second, in seconds. */
const apart = (one: number, other: number): number => {
  const distance = Math.abs(one - other) % 1;
  return Math.min(distance, 1 - distance);
};

/** When the bursts begin, within a second of the video, once this tone alone is heard. */
async function bursts(page: Hearing, name: Name): Promise<number> {
  let begins = NaN;
  const listenOn = async () => {
    const heard = await page.evaluate(hear, Object.values(TONES));
    begins = heard.begins;
    return heard.hertz;
  };
  await expect.poll(listenOn, { timeout: 60_000 }).toEqual([TONES[name]]);
  return begins;
}

/** The same, once two readings agree: a machine that is busy reads late. */
async function steadyBursts(page: Hearing, name: Name): Promise<number> {
  let begins = NaN;
  const change = async () => {
    const before = begins;
    begins = await bursts(page, name);
    return apart(begins, before);
  };
  await expect.poll(change, { timeout: 90_000 }).toBeLessThan(0.01);
  return begins;
}

async function switchThrough(page: Hearing, choose: (name: Name) => Promise<void>): Promise<void> {
  await page.evaluate(listen);
  const begin = await steadyBursts(page, 'English');
  for (const name of ['Deutsch', 'English (commentary)', 'Français', 'English'] as const) {
    await choose(name);
    const offset = async () => apart(await bursts(page, name), begin);
    await expect.poll(offset, { timeout: 60_000, message: name }).toBeLessThan(0.02);
  }
  const failed = await page.evaluate(() => document.querySelector('video')!.error !== null);
  expect(failed).toBe(false);
}

for (const [library, manifest] of [
  ['hls.js', 'master.m3u8'],
  ['Shaka', 'master.m3u8'],
  ['Shaka', 'manifest.mpd'],
] as const) {
  test(`${library} switches languages of ${manifest} while it plays`, async ({ page }) => {
    const { script, load } = LIBRARIES[library];
    await elsewhere(page, script);
    await page.evaluate<void, string>(load, `${stack.cdn_url}/videos/${id}/${manifest}`);
    await switchThrough(page, (name) =>
      page.evaluate((name) => (window as unknown as Libraries).chooseSound(name), name),
    );
  });
}

/** Chooses a sound of the page's player, as its menu does. */
const select = (name: string): void => {
  const { audioTracks } = document.querySelector<MediaPlayerElement>('media-player')!;
  audioTracks.toArray().find(({ label }) => label === name)!.selected = true;
};

test('the page has a menu of languages', async ({ page }) => {
  await page.goto(`${stack.site_url}/watch/${id}`);
  await page.waitForSelector('media-player[data-can-play] video');
  const player = by(page, 'watch-player');
  await switchThrough(page, async (name) => {
    if (name !== 'Deutsch') return page.evaluate(select, name);
    await player.hover();
    await player.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('menuitem', { name: 'Audio' }).click();
    await page.getByRole('menuitem', { name: 'Track' }).click();
    await page.getByRole('menuitemradio', { name, exact: true }).click();
  });
});

test('the page in Firefox switches languages while it plays', async ({}) => {
  await inFirefox(async (page) => {
    await page.goto(`${stack.site_url}/watch/${id}`);
    await page.waitForSelector('media-player[data-can-play] video');
    await switchThrough(page, (name) => page.evaluate(select, name));
  });
});
