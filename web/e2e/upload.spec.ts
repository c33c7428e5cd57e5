import { utimesSync } from 'node:fs';

import { expect, type Page } from '@playwright/test';

import {
  accessible,
  answersLost,
  by,
  canPlay,
  drop,
  linkedId,
  playing,
  row,
  shot,
  signedIn,
  steer,
  test,
  uploadThroughput,
} from './page.js';
import type { GrantedUpload } from '../src/schema.js';
import { clip, encoded, expireUpload, picture, settled, sparse, stack, tone } from './stack.js';

const MIB = 1 << 20;

/** As if a file was written anew, with the same bytes. */
function touch(path: string): void {
  const later = Date.now() / 1000 + 60;
  utimesSync(path, later, later);
}

/** Part numbers that the storage has taken, in this order. */
function storedParts(page: Page): number[] {
  const stored: number[] = [];
  page.on('response', (answer) => {
    const part = new URL(answer.url()).searchParams.get('partNumber');
    if (part && answer.request().method() === 'PUT' && answer.ok()) stored.push(Number(part));
  });
  return stored;
}

test('a clip is dropped, uploaded, converted and watched', async ({ page }) => {
  // Converting it must take longer than getting to the player.
  const file = clip('holiday.mp4', `${picture('1440x810', 60)} ${tone(60)} ${encoded}`);
  await signedIn(page);
  await drop(page, file);
  const upload = row(page, file);
  await expect(by(upload, 'upload-progress')).toBeVisible();
  const link = by(upload, 'upload-link');
  await link.waitFor();
  const id = await linkedId(link);

  // The original plays while it is converted, and the player goes on where it was.
  await link.click();
  await canPlay(page);
  await steer(page, 10);
  await expect.poll(async () => (await playing(page)).time).toBeGreaterThan(10.5);
  const before = await playing(page);
  expect(before.type).toBe('video/mp4');
  await expect
    .poll(async () => (await playing(page)).type, { timeout: 190_000 })
    .toContain('mpegurl');
  await canPlay(page);
  // Sooner than a player that had begun anew could get there.
  await expect
    .poll(async () => (await playing(page)).time, { timeout: 8_000 })
    .toBeGreaterThan(before.time - 0.5);
  await expect.poll(async () => (await playing(page)).paused).toBe(false);

  const ready = await settled(id);
  expect(ready.status).toBe('ready');
  await expect
    .poll(async () => (await playing(page)).heights.toSorted((a, b) => b - a))
    .toEqual(ready.renditions.map(({ height }) => height));
  await steer(page, 5);
  await expect.poll(async () => (await playing(page)).time).toBeGreaterThan(5.5);
  const played = await playing(page);
  expect(played.time).toBeLessThan(15);
  expect(played.frames).toBeGreaterThan(0);

  // Every rung is in the menu, and pictures are over the seek bar.
  await page.locator('media-player').hover();
  await page.locator('media-menu-button').first().click();
  await page.getByRole('menuitem', { name: /quality/i }).click();
  for (const { height } of ready.renditions) {
    await expect(page.getByRole('menuitemradio', { name: `${height}p` })).toBeVisible();
  }
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  const storyboard = await (await fetch(ready.playback.storyboard!)).text();
  expect(storyboard.match(/-->/g)).toHaveLength(60);
  await page.locator('media-time-slider').hover();
  const thumbnail = page.locator('media-slider-thumbnail img');
  await expect(thumbnail).toBeVisible();
  expect(
    await thumbnail.evaluate((img: HTMLImageElement) => img.naturalWidth),
  ).toBeGreaterThanOrEqual(1600);
  await accessible(page);
});

test('a portrait clip without sound plays as it is', async ({ page }) => {
  const file = clip('portrait.mp4', `${picture('360x640', 8)} ${encoded}`);
  await signedIn(page);
  await by(page, 'file-input').setInputFiles(file);
  const link = by(row(page, file), 'upload-link');
  const id = await linkedId(link);
  await shot(page, 'upload');
  await accessible(page);
  expect((await settled(id)).status).toBe('ready');
  await page.goto(`${stack.site_url}/watch/${id}`);
  await canPlay(page);
  await steer(page);
  await expect.poll(async () => (await playing(page)).time).toBeGreaterThan(1);
  expect((await playing(page)).frames).toBeGreaterThan(0);
  const box = (await page.locator('media-player video').boundingBox())!;
  expect(box.height).toBeGreaterThan(box.width);
  await expect.poll(async () => (await playing(page)).heights.length).toBeGreaterThan(1);
});

test.describe('on a bad line', () => {
  test.use({ expected: [/Failed to load resource|ERR_INTERNET_DISCONNECTED|ERR_FAILED/] });

  test('a large upload survives a cut connection and a reload', async ({ page, context }) => {
    const file = clip('large.mp4', `${picture('320x180', 4)} ${tone(4)} ${encoded}`, 300 * MIB);
    await signedIn(page);
    const sent: number[] = [];
    const stored = new Set<number>();
    page.on('requestfinished', async (request) => {
      const part = new URL(request.url()).searchParams.get('partNumber');
      if (!part || request.method() !== 'PUT') return;
      sent.push(Number(part));
      if ((await request.response())?.ok()) stored.add(Number(part));
    });
    // Slow enough to be interrupted.
    const throughput = await uploadThroughput(page);
    await throughput(40 * MIB);
    await by(page, 'file-input').setInputFiles(file);
    await expect.poll(() => stored.size, { timeout: 60_000 }).toBeGreaterThanOrEqual(3);

    await by(page, 'upload-pause').click();
    // What had ended by then may be told a moment later.
    await page.waitForTimeout(500);
    const paused = sent.length;
    await page.waitForTimeout(1500);
    expect(sent.length).toBeLessThanOrEqual(paused);
    await by(page, 'upload-resume').click();

    await context.setOffline(true);
    await page.waitForTimeout(2000);
    await context.setOffline(false);
    await throughput(20 * MIB);
    await expect.poll(() => stored.size, { timeout: 60_000 }).toBeGreaterThanOrEqual(7);

    page.once('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await by(page, 'interrupted').waitFor();
    await accessible(page);
    const before = new Set(stored);
    sent.length = 0;
    await throughput(-1);
    await by(page, 'file-input').setInputFiles(file);
    const link = by(row(page, file), 'upload-link');
    await link.waitFor({ timeout: 90_000 });
    expect(sent.filter((part) => before.has(part))).toEqual([]);
    const whole = await settled(await linkedId(link));
    expect(whole.status).toBe('ready');
    // Of a part that was stored while the line was cut, no answer was seen: storage has the last word.
    const source = await fetch(whole.playback.original!, { method: 'HEAD' });
    expect(Number(source.headers.get('content-length'))).toBe(300 * MIB);
  });

  test('the same file resumes its upload, whatever date it has when it is chosen again', async ({
    page,
  }) => {
    const file = clip('camera.mp4', `${picture('320x180', 3)} ${encoded}`, 100 * MIB);
    await signedIn(page);
    const stored = storedParts(page);
    const throughput = await uploadThroughput(page);
    await throughput(20 * MIB);
    const granted = page.waitForResponse(
      (answer) => answer.url().endsWith('/uploads') && answer.status() === 201,
    );
    await by(page, 'file-input').setInputFiles(file);
    const { video_id: id } = (await (await granted).json()) as GrantedUpload;
    await expect.poll(() => stored.length).toBeGreaterThanOrEqual(2);
    page.once('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await by(page, 'interrupted').waitFor();

    const before = stored.splice(0);
    touch(file);
    await throughput(-1);
    await by(page, 'file-input').setInputFiles(file);
    expect(await linkedId(by(row(page, file), 'upload-link'))).toBe(id);
    expect(stored.filter((part) => before.includes(part))).toEqual([]);
    await expect(by(page, 'interrupted')).toHaveCount(0);
    expect((await settled(id)).status).toBe('ready');
  });

  test('an upload that is complete without an answer is found to be', async ({ page }) => {
    const file = clip('unheard.mp4', `${picture('320x180', 3)} ${encoded}`);
    await signedIn(page);
    await answersLost(page, () => true);
    await by(page, 'file-input').setInputFiles(file);
    const link = by(row(page, file), 'upload-link');
    expect((await settled(await linkedId(link))).status).toBe('ready');
  });

  test('an upload whose first answer was lost is stored once, and done', async ({ page }) => {
    const file = clip('repeated.mp4', `${picture('320x180', 3)} ${encoded}`);
    await signedIn(page);
    const answers = await answersLost(page, (number) => number === 1);
    await by(page, 'file-input').setInputFiles(file);
    const link = by(row(page, file), 'upload-link');
    expect((await settled(await linkedId(link))).status).toBe('ready');
    // The second one is refused, and that says that the first one has arrived.
    await expect.poll(() => answers).toEqual([200, 412]);
  });

  test('an upload whose time is over says so, and can be started again', async ({ page }) => {
    const file = clip('late.mp4', `${picture('320x180', 3)} ${encoded}`, 100 * MIB);
    await signedIn(page);
    const throughput = await uploadThroughput(page);
    // It must not be complete before its time is over.
    await throughput(MIB);
    const granted = page.waitForResponse(
      (answer) => answer.url().endsWith('/uploads') && answer.status() === 201,
    );
    await by(page, 'file-input').setInputFiles(file);
    const { video_id: id } = (await (await granted).json()) as GrantedUpload;
    await page.waitForRequest((request) => request.url().includes('partNumber'));
    expireUpload(id);
    await throughput(-1);
    const failed = row(page, file);
    await expect(failed).toContainText('not finished in time');
    await by(failed, 'upload-retry').click();
    await by(failed, 'upload-link').waitFor();
  });
});

test.describe('a file that is written to', () => {
  test.use({ expected: [/ERR_UPLOAD_FILE_CHANGED/] });

  test('while it is sent says so, once, and resumes when it is chosen again', async ({ page }) => {
    const file = clip('edited.mp4', `${picture('320x180', 3)} ${encoded}`, 100 * MIB);
    await signedIn(page);
    const stored = storedParts(page);
    const throughput = await uploadThroughput(page);
    await throughput(20 * MIB);
    await by(page, 'file-input').setInputFiles(file);
    await expect.poll(() => stored.length).toBeGreaterThanOrEqual(1);
    touch(file);
    const failed = row(page, file);
    await expect(failed).toContainText('The file has changed or can no longer be read.');
    await expect(failed).toHaveAttribute('data-phase', 'failed');
    await expect(by(failed, 'upload-retry')).toBeHidden();

    const before = stored.splice(0);
    await throughput(-1);
    await by(page, 'file-input').setInputFiles(file);
    const id = await linkedId(by(row(page, file), 'upload-link'));
    await expect(row(page, file)).toHaveCount(1);
    expect(stored.filter((part) => before.includes(part))).toEqual([]);
    expect((await settled(id)).status).toBe('ready');
  });
});

test.describe('what can not be', () => {
  test.use({ expected: [/40[0-9]|413/] });

  test('a wrong type and a file that is too large are refused before a byte moves', async ({
    page,
  }) => {
    await signedIn(page);
    let asked = 0;
    page.on('request', (request) => {
      if (request.method() === 'POST') asked += 1;
    });
    await drop(page, clip('notes.txt', new TextEncoder().encode('hello')));
    await expect(by(page, 'toast').filter({ hasText: 'notes.txt' })).toBeVisible();
    await drop(page, sparse('huge.mp4', 21 * 1024 * MIB));
    await expect(by(page, 'toast').filter({ hasText: 'huge.mp4' })).toContainText(/large|GB|GiB/);
    expect(asked).toBe(0);
  });

  test('a file that is no video ends in words', async ({ page }) => {
    const file = clip('broken.mp4', new TextEncoder().encode('this is no video '.repeat(100)));
    await signedIn(page);
    await by(page, 'file-input').setInputFiles(file);
    await expect(row(page, file)).toContainText(/not a video|no video|damaged/i);
    const link = by(row(page, file), 'upload-link');
    await link.click();
    await expect(page.getByRole('main')).toContainText(/not a video|no video|damaged/i);
    await accessible(page);
  });

  test('the token is asked for once', async ({ page }) => {
    await page.goto(stack.site_url);
    await by(page, 'token-input').fill('wrong');
    await by(page, 'token-submit').click();
    await expect(by(page, 'token-dialog')).toContainText(/not accepted|not valid/i);
    await by(page, 'token-input').fill(stack.api_token);
    await by(page, 'token-submit').click();
    await expect(by(page, 'token-dialog')).toBeHidden();
    await page.reload();
    await by(page, 'status-filter').waitFor();
    await expect(by(page, 'token-dialog')).toBeHidden();
    await by(page, 'sign-out').click();
    await expect(by(page, 'library-card')).toHaveCount(0);
  });
});
