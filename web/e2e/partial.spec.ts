import { expect } from '@playwright/test';

import { by, canPlay, drop, linkedId, playing, row, shot, signedIn, steer, test } from './page.js';
import { clip, picture, settled, tone, video } from './stack.js';

/** A file as phones make them, in a container that no browser plays. */
const hevc = '-c:v libx265 -preset ultrafast -x265-params log-level=error -c:a aac';

test('what browsers can not play is watched while it is converted', async ({ page }) => {
  // Fifteen times the same, since HEVC takes long to encode.
  const short = clip('short.mkv', `${picture('1440x810', 6)} ${tone(6)} ${hevc}`);
  const file = clip('phone.mkv', `-stream_loop 14 -i ${short} -c copy`);
  await signedIn(page);
  await drop(page, file);
  const link = by(row(page, file), 'upload-link');
  const id = await linkedId(link);
  await link.click();
  await expect(page.getByRole('main')).toContainText(/being converted/);

  await canPlay(page);
  const shownAt = Date.now();
  const partial = await video(id);
  expect(partial.status).toBe('preparing');
  expect(partial.playback).toMatchObject({ type: 'hls_partial', hls: null, original: null });
  expect(partial.playback.url).toMatch(/\/partial\.m3u8$/);

  // It begins at its beginning, and looks like a film, not like something live.
  expect((await playing(page)).time).toBeLessThan(0.5);
  await expect(page.getByTestId('watch-status')).toContainText('already watch');
  await expect(page.locator('media-live-button')).toBeHidden();
  await steer(page, 2);
  await expect.poll(async () => (await playing(page)).time).toBeGreaterThan(2.3);
  await shot(page, 'partial');
  // What is encoded meanwhile is added to it.
  const end = () =>
    page.evaluate(() => {
      const media = document.querySelector('media-player video') as HTMLVideoElement;
      return media.seekable.length ? media.seekable.end(media.seekable.length - 1) : 0;
    });
  const first = await end();
  await expect.poll(end, { timeout: 60_000 }).toBeGreaterThan(first);
  const before = await playing(page);
  expect(before.heights).toEqual([480]);

  // Then comes the whole ladder, and the player goes on where it was.
  const address = () =>
    page.evaluate(() => {
      const player = document.querySelector('media-player') as unknown as {
        state: { source: { src: string } };
      };
      return player.state.source.src;
    });
  await expect.poll(address, { timeout: 190_000 }).toMatch(/\/master\.m3u8$/);
  await canPlay(page);
  const ready = await settled(id);
  await expect
    .poll(async () => (await playing(page)).time, { timeout: 8_000 })
    .toBeGreaterThan(before.time - 0.5);
  expect((await playing(page)).time).toBeLessThan(before.time + 60);
  await expect.poll(async () => (await playing(page)).paused).toBe(false);
  await expect
    .poll(async () => (await playing(page)).heights.toSorted((a, b) => b - a))
    .toEqual(ready.renditions.map(({ height }) => height));

  const begun = Date.parse(ready.created_at);
  const share = (shownAt - begun) / (Date.parse(ready.ready_at!) - begun);
  console.log(`watched after ${Math.round(share * 100)} % of the time that it took to be ready`);
  expect(share).toBeLessThan(0.25);
});
