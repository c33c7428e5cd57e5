import { expect, type Response } from '@playwright/test';

import { accessible, by, canPlay, playing, shot, signedIn, steer, test } from './page.js';
import { clip, encoded, picture, settled, stack, tone, upload, video } from './stack.js';

test('a video is found, renamed, linked and deleted', async ({ page }) => {
  const file = clip('short.mp4', `${picture('320x180', 3)} ${encoded}`);
  const id = await upload(file, 'To be renamed');
  await settled(id);
  await signedIn(page);
  const card = by(page, 'library-card').filter({ hasText: 'To be renamed' });
  await expect(card).toBeVisible();
  await expect(card.locator('img')).toBeVisible();
  await by(card, 'card-rename').click();
  await page.keyboard.type('Renamed');
  await page.keyboard.press('Enter');
  const renamed = by(page, 'library-card').filter({ hasText: 'Renamed' }).first();
  await expect(renamed).toBeVisible();
  await expect.poll(async () => (await video(id)).title).toBe('Renamed');
  await by(renamed, 'card-copy').click();
  await expect
    .poll(async () => page.evaluate(() => navigator.clipboard.readText()))
    .toBe(`${stack.site_url}/watch/${id}`);

  await page.goto(`${stack.site_url}/embed/${id}`);
  await canPlay(page);
  await accessible(page);

  await page.goto(stack.site_url);
  const doomed = by(page, 'library-card').filter({ hasText: 'Renamed' }).first();
  await by(doomed, 'card-delete').click();
  await by(page, 'confirm-delete').click();
  await expect(doomed).toBeHidden();
  expect((await fetch(`${stack.api_url}/videos/${id}`)).status).toBe(404);
});

test.describe('an address without a video', () => {
  test.use({ expected: [/404/] });

  test('says so', async ({ page }) => {
    await page.goto(`${stack.site_url}/watch/01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e`);
    await expect(page.getByText(/video not found/i)).toBeVisible();
    await accessible(page);
  });
});

test.describe('on a bad line', () => {
  test.use({ expected: [/ERR_CONNECTION_RESET/] });

  test('a video plays on, and after a long break goes on where it was', async ({ page }) => {
    const file = clip('far.mp4', `${picture('320x180', 60)} ${tone(60)} ${encoded}`);
    const id = await upload(file, 'Far away');
    await settled(id);
    let broken = 0;
    let isCut = true;
    await page.route('**/audio/**/*.m4s', (route) => {
      const segment = Number(/(\d+)\.m4s/.exec(route.request().url())?.[1]);
      const breaks = segment <= 5 && broken < 2;
      if (breaks) broken += 1;
      return breaks || (segment > 5 && isCut) ? route.abort('connectionreset') : route.continue();
    });
    await page.goto(`${stack.site_url}/watch/${id}`);
    await canPlay(page);
    await steer(page, 10);
    await expect.poll(async () => (await playing(page)).time).toBeGreaterThan(10.5);
    expect(broken).toBe(2);

    // Nothing comes for longer than anybody tries.
    const again = page.getByRole('button', { name: 'Try again' });
    await again.waitFor({ timeout: 120_000 });
    isCut = false;
    await again.click();
    await canPlay(page);
    await steer(page);
    // Sooner than from the beginning.
    await expect
      .poll(async () => (await playing(page)).time, { timeout: 10_000 })
      .toBeGreaterThan(10.5);
  });
});

test('the library is light, and fits every screen and both themes', async ({ page }) => {
  const shown = [
    ['Test card', picture('1280x720', 5)],
    ['Into the set', '-f lavfi -i mandelbrot=size=1280x720:rate=25 -t 6'],
    [
      'Northern lights',
      '-f lavfi -i gradients=size=1280x720:rate=25:duration=40:speed=0.02:nb_colors=5:seed=7',
    ],
  ] as const;
  let newest = '';
  for (const [title, source] of shown) {
    const file = clip(`${title.replaceAll(' ', '-')}.mp4`, `${source} ${encoded}`);
    newest = await upload(file, title);
    await settled(newest);
  }
  const scripts: Promise<number>[] = [];
  const measure = (answer: Response) => {
    if (answer.request().resourceType() === 'script') {
      scripts.push(answer.body().then((body) => body.length));
    }
  };
  page.on('response', measure);
  await signedIn(page);
  await expect(
    by(page, 'library-card').filter({ hasText: 'Test card' }).locator('img'),
  ).toBeVisible();
  page.off('response', measure);
  const bytes = (await Promise.all(scripts)).reduce((sum, length) => sum + length, 0);
  // Before compression, and for two loads of the page.
  expect(bytes).toBeLessThan(150_000);
  await shot(page, 'library');
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await accessible(page);
  }
  await page.goto(`${stack.site_url}/watch/${newest}`);
  await canPlay(page);
  await steer(page, 12);
  await expect.poll(async () => (await playing(page)).time).toBeGreaterThan(12.5);
  await page.locator('media-player').hover();
  await page.locator('media-time-slider').hover();
  await expect(page.locator('media-slider-thumbnail img')).toBeVisible();
  await shot(page, 'watch');
  for (const address of ['/', `/watch/${newest}`]) {
    await page.setViewportSize({ width: 320, height: 640 });
    await page.goto(`${stack.site_url}${address}`);
    await page.getByRole('main').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      320,
    );
  }
});
