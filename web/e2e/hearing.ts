/** What is heard of a page's video. The functions run in the page, and stand for themselves. */

/** Which tones the bursts of some seconds had, and when within a second of the video they begin. */
export interface Heard {
  hertz: number[];
  begins: number;
}

/** A page of a browser that is driven by Playwright or by Puppeteer. */
export interface Hearing {
  evaluate<Result>(run: () => Result | Promise<Result>): Promise<Result>;
  evaluate<Given, Result>(run: (given: Given) => Promise<Result>, given: Given): Promise<Result>;
}

/** Samples as they were heard, and what time of the video was shown. */
interface Block {
  at: number;
  shown: number;
  samples: Float32Array;
}

type Listening = Window & { blocks: Block[] };

/** Plays the video, and keeps the last seconds of what is heard. */
export async function listen(): Promise<void> {
  const video = document.querySelector('video')!;
  const context = new AudioContext({ sampleRate: 48_000 });
  const blocks: Block[] = ((window as unknown as Listening).blocks = []);
  const size = 1024;
  const processor = context.createScriptProcessor(size, 1, 1);
  processor.onaudioprocess = ({ inputBuffer, playbackTime }) => {
    const samples = inputBuffer.getChannelData(0).slice();
    blocks.push({ at: playbackTime, shown: video.currentTime, samples });
    if (blocks.length > (5 * 48_000) / size) blocks.shift();
  };
  context.createMediaElementSource(video).connect(processor);
  processor.connect(context.destination);
  await context.resume();
  video.loop = true;
  await video.play();
}

/** Hears on for some seconds. */
export async function hear(tones: number[]): Promise<Heard> {
  const { blocks } = window as unknown as Listening;
  blocks.length = 0;
  const rate = 48_000;
  const power = (samples: number[], hertz: number) => {
    let [sine, cosine] = [0, 0];
    samples.forEach((sample, at) => {
      sine += sample * Math.sin((2 * Math.PI * hertz * at) / rate);
      cosine += sample * Math.cos((2 * Math.PI * hertz * at) / rate);
    });
    return Math.hypot(sine, cosine);
  };
  await new Promise((resolve) => setTimeout(resolve, 3_300));
  const taken = [...blocks];
  const quantile = (numbers: number[], part: number) =>
    [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * part)] ?? NaN;
  // Blocks are handed over late where there is much to do, and never early.
  const lag = quantile(
    taken.map(({ at, shown }) => shown - at),
    0.1,
  );
  const samples = taken.flatMap((block) => [...block.samples]);
  const timeOf = (index: number) => taken[index >> 10]!.at + (index & 1023) / rate;
  const hertz = new Set<number>();
  const begins: number[] = [];
  for (let at = 0; at + 2_000 < samples.length; at += 1) {
    if (Math.abs(samples[at]!) < 0.05) continue;
    // What is heard at once may have begun before.
    if (at > 100) {
      const burst = samples.slice(at, at + 2_000);
      hertz.add(tones.reduce((a, b) => (power(burst, a) > power(burst, b) ? a : b)));
      begins.push((timeOf(at) + lag) % 1);
    }
    // Half of a second on, it is silent until the next.
    at += rate / 2;
  }
  return { hertz: [...hertz], begins: quantile(begins, 0.5) };
}
