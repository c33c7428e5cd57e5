import { expect } from '@playwright/test';

import { accessible, by, canPlay, dropOn, shot, signedIn, steer, test } from './page.js';
import { addTrack, clip, encoded, picture, settled, share, stack, tone, upload } from './stack.js';

const source = () => clip('tracks.mp4', `${picture('320x180', 20)} ${tone(20)} ${encoded}`);

const bytes = (text: string) => new TextEncoder().encode(text);

const GERMAN = `WEBVTT

00:05.000 --> 00:08.000
Grüß <b>Gott</b> <img src=x onerror="document.title='hacked'">

00:12.000 --> 00:14.000
Auf Wiedersehen
`;
const CHAPTERS =
  'WEBVTT\n\n00:00.000 --> 00:10.000\nArrival\n\n00:10.000 --> 00:20.000\nThe door\n';

test('subtitles and chapters that were added are shown, in every line and after a seek', async ({
  page,
}) => {
  const id = await upload(source(), 'With tracks');
  expect((await settled(id)).status).toBe('ready');
  await addTrack(id, { kind: 'subtitles', language: 'de', default: true }, GERMAN);
  await addTrack(
    id,
    { kind: 'captions', language: 'en' },
    'WEBVTT\n\n00:01.000 --> 00:02.000\n[rain]\n',
  );
  await addTrack(id, { kind: 'chapters', language: 'en' }, CHAPTERS);

  await signedIn(page);
  await page.goto(`${stack.site_url}/watch/${id}`);
  await canPlay(page);
  const captions = page.locator('media-captions');
  // A cue that reaches over the joint of two segments.
  await steer(page, 6.5);
  await expect(captions).toContainText('Grüß Gott');
  await expect(captions.locator('b')).toHaveText('Gott');
  await expect(captions.locator('img')).toHaveCount(0);
  await steer(page, 10);
  await expect(captions).not.toContainText('Grüß');
  await steer(page, 13);
  await expect(captions).toContainText('Auf Wiedersehen');
  expect(await page.title()).not.toContain('hacked');

  // Menus are beside the player, where they are cut off by nothing.
  const player = by(page, 'watch-player');
  await player.hover();
  await player.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('menuitem', { name: /Captions Deutsch/ }).click();
  await page.getByText('English (CC)', { exact: true }).click();
  await steer(page, 1.5);
  await expect(captions).toContainText('[rain]');
  await page.keyboard.press('Escape');
  await player.hover();
  await player.getByRole('button', { name: 'Chapters' }).click();
  await expect(page.getByText('The door').first()).toBeVisible();
});

test.describe('the panel', () => {
  test.use({ expected: [/422/] });
  test('its owner adds, changes and deletes subtitles on the page', async ({ page, browser }) => {
    const id = await upload(source(), 'With a panel');
    expect((await settled(id)).status).toBe('ready');
    await signedIn(page);
    await page.goto(`${stack.site_url}/watch/${id}`);
    const panel = by(page, 'tracks');
    const tracks = by(panel, 'track');
    await expect(panel).toBeVisible();

    await dropOn(page, '[data-testid=track-drop]', clip('film.de.vtt', bytes(GERMAN)));
    await expect(by(page, 'track-language')).toHaveValue('de');
    await by(page, 'track-default').check();
    await accessible(page);
    await by(page, 'track-save').click();
    await expect(tracks).toContainText('film.de.vtt');
    // The page did not take it for a video.
    await expect(by(page, 'upload-row')).toHaveCount(0);
    await by(panel, 'track-file').setInputFiles(clip('bad.srt', bytes('nonsense')));
    await by(page, 'track-language').fill('German');
    await by(page, 'track-save').click();
    await expect(by(page, 'track-dialog').locator('.field-error')).toContainText('language');
    await by(page, 'track-language').fill('en');
    await by(page, 'track-save').click();
    const [good, bad] = [tracks.nth(0), tracks.nth(1)];
    await expect(bad).toContainText('Line 1 is "nonsense"', { timeout: 60_000 });
    await expect(good).toHaveAttribute('data-status', 'ready', { timeout: 90_000 });
    await accessible(page);
    await panel.scrollIntoViewIfNeeded();
    await shot(page, 'tracks');

    await by(good, 'track-edit').click();
    await by(page, 'track-name').fill('Deutsch (Wien)');
    await by(page, 'track-save').click();
    await expect(good).toContainText('Deutsch (Wien)');
    await by(bad, 'track-delete').click();
    await by(page, 'confirm-delete-track').click();
    await expect(tracks).toHaveCount(1);

    // Somebody else, whose browser keeps no older playlist, and who has no panel.
    const elsewhere = await (await browser.newContext()).newPage();
    await elsewhere.goto(`${stack.site_url}/watch/${id}`);
    await canPlay(elsewhere);
    await steer(elsewhere, 6);
    await expect(elsewhere.locator('media-captions')).toContainText('Grüß Gott');
    await expect(by(elsewhere, 'tracks')).toBeHidden();
  });
});

test('subtitles of a private video are shown to who has its link, and to nobody else', async ({
  page,
  request,
}) => {
  const id = await upload(source(), 'Private tracks', 'private');
  await settled(id);
  await addTrack(id, { kind: 'subtitles', language: 'de', default: true }, GERMAN);
  const urls: string[] = [];
  page.on('request', (one) => {
    if (one.url().includes('/subtitles/')) urls.push(one.url());
  });
  await page.goto(`${stack.site_url}/watch/${id}#token=${share(id, 600)}`);
  await canPlay(page);
  await steer(page, 6);
  await expect(page.locator('media-captions')).toContainText('Grüß Gott');
  expect(urls.length).toBeGreaterThan(1);
  for (const url of urls) {
    const without = url.replace(/\/s\/[^/]+\//, '/private/');
    expect(without).not.toBe(url);
    expect((await request.get(without)).status()).toBeGreaterThanOrEqual(403);
  }
});
