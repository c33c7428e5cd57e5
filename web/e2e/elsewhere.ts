/** Players that others have made, on a page of theirs. */

import type { Page } from '@playwright/test';
import type Hls from 'hls.js';
import { createRequire } from 'node:module';

/** What a player asked the CDN for, and how that was answered. */
export interface Asked {
  url: string;
  status: number;
}

/** Notes an answer, if its address counts; browsers' own interfaces differ in the rest. */
export const noteIn =
  (asked: Asked[], counts: (url: string) => boolean) =>
  (response: { url(): string; status(): number }): void => {
    const url = response.url();
    if (counts(url)) asked.push({ url, status: response.status() });
  };

interface ShakaText {
  language: string;
  mimeType: string | null;
}

interface ShakaSound {
  label: string | null;
}

interface ShakaPlayer {
  attach(video: HTMLVideoElement): Promise<void>;
  load(url: string): Promise<void>;
  getTextTracks(): ShakaText[];
  selectTextTrack(track: ShakaText): void;
  getAudioTracks(): ShakaSound[];
  selectAudioTrack(sound: ShakaSound): void;
  setTextTrackVisibility?(isVisible: boolean): void;
}

export type Libraries = Window & {
  Hls: typeof Hls;
  shaka: { Player: new () => ShakaPlayer; polyfill: { installAll(): void } };
  /** Shows the subtitles of a language. */
  choose: (language: string) => void;
  /** Plays the sound of this name. */
  chooseSound: (name: string) => void;
  /** Shows the captions within the picture. */
  chooseCaptions?: () => void;
};

/** How the libraries begin, each with a script tag and the address, as their own pages show it. */
export const LIBRARIES = {
  'hls.js': {
    script: 'hls.js/dist/hls.min.js',
    load: (url: string) => {
      const libraries = window as unknown as Libraries;
      const hls = new libraries.Hls();
      libraries.choose = (language) => {
        hls.subtitleTrack = hls.subtitleTracks.findIndex(({ lang }) => lang === language);
        hls.subtitleDisplay = true;
      };
      libraries.chooseSound = (wanted) => {
        hls.audioTrack = hls.audioTracks.findIndex(({ name }) => name === wanted);
      };
      hls.loadSource(url);
      hls.attachMedia(document.querySelector('video')!);
    },
  },
  Shaka: {
    script: 'shaka-player/dist/shaka-player.compiled.js',
    load: async (url: string) => {
      const { shaka } = window as unknown as Libraries;
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      await player.attach(document.querySelector('video')!);
      await player.load(url);
      const libraries = window as unknown as Libraries;
      const choose = (isIt: (track: ShakaText) => boolean) => {
        const track = player.getTextTracks().find(isIt);
        if (!track) throw new Error(JSON.stringify(player.getTextTracks()));
        player.selectTextTrack(track);
        player.setTextTrackVisibility?.(true);
      };
      const isWithin = ({ mimeType }: ShakaText) => mimeType?.includes('cea') ?? false;
      libraries.choose = (language) =>
        choose((track) => track.language === language && !isWithin(track));
      libraries.chooseCaptions = () => choose(isWithin);
      libraries.chooseSound = (wanted) => {
        const sound = player.getAudioTracks().find(({ label }) => label === wanted);
        if (!sound) throw new Error(JSON.stringify(player.getAudioTracks()));
        player.selectAudioTrack(sound);
      };
    },
  },
};

/** A page of somebody else, with a player's script. */
export async function elsewhere(page: Page, script: string): Promise<Asked[]> {
  const address = 'http://player.localhost/';
  const body =
    '<!doctype html><title>Elsewhere</title><link rel="icon" href="data:,"><video></video>';
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.goto(address);
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve(script) });
  const asked: Asked[] = [];
  page.on(
    'response',
    noteIn(asked, (url) => !url.startsWith('blob:')),
  );
  return asked;
}
