import { expect } from '@playwright/test';

import { accessible, by, canPlay, signedIn, test } from './page.js';
import { clip, encoded, picture, settled, stack, upload, video } from './stack.js';

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
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
    `${stack.site_url}/watch/${id}`,
  );

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
    await expect(page.getByText(/no such video/i)).toBeVisible();
    await accessible(page);
  });
});

test('the library is light, and fits every screen and both themes', async ({ page }) => {
  await settled(await upload(clip('short.mp4', `${picture('320x180', 3)} ${encoded}`)));
  const scripts: Promise<number>[] = [];
  page.on('response', (answer) => {
    if (answer.request().resourceType() === 'script') {
      scripts.push(answer.body().then((body) => body.length));
    }
  });
  await signedIn(page);
  await by(page, 'library-card').first().waitFor();
  const bytes = (await Promise.all(scripts)).reduce((sum, length) => sum + length, 0);
  // Before compression, and for two loads of the page.
  expect(bytes).toBeLessThan(150_000);
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await accessible(page);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});
