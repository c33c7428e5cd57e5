import { percent, size, timeLeft } from '../format';
import { followVideo } from '../poll';
import { messageOf } from '../problem';
import type { Video } from '../schema';
import { announce } from '../ui/announce';
import { iconButton, relabel } from '../ui/button';
import { copyText } from '../ui/copy';
import { h, setHidden, setText } from '../ui/h';
import { icon } from '../ui/icons';
import { toastError } from '../ui/toast';
import { watchPath, watchUrl } from '../video';
import { takeOff, withUploader } from './manager';
import { Rate } from './rate';
import type { Phase, Upload } from './upload';
import type { Uploader } from './uploader';

/** The words are rewritten at most this often: faster, nobody can read them. */
const WORDS_MS = 500;

/** Shows one upload, from its first byte until its video is ready. */
export function uploadRow(upload: Upload): HTMLElement {
  const { name } = upload.file;
  const total = upload.file.size;
  const rate = new Rate();
  const act = (what: (uploader: Uploader) => void) => () => void withUploader().then(what);

  const bar = h('progress', {
    max: 1,
    value: 0,
    'aria-label': `Progress of ${name}`,
    'data-testid': 'upload-progress',
  });
  const state = h('span', { class: 'upload-state' });
  const pause = iconButton({
    icon: 'pause',
    label: `Pause ${name}`,
    testid: 'upload-pause',
    onclick: act((uploader) => uploader.pause(upload)),
  });
  const resume = iconButton({
    icon: 'play',
    label: `Resume ${name}`,
    testid: 'upload-resume',
    onclick: act((uploader) => uploader.resume(upload)),
  });
  const retry = h(
    'button',
    {
      type: 'button',
      class: 'button small',
      'data-testid': 'upload-retry',
      'aria-label': `Retry ${name}`,
      onclick: act((uploader) => uploader.retry(upload)),
    },
    icon('retry'),
    'Retry',
  );
  const cancel = iconButton({
    icon: 'close',
    label: `Cancel ${name}`,
    testid: 'upload-cancel',
    onclick: () => {
      if (upload.phase === 'sent') remove();
      else void cancelUpload();
    },
  });
  const link = h(
    'a',
    { class: 'button small', 'data-testid': 'upload-link', 'aria-label': `Watch ${name}` },
    icon('play'),
    'Watch',
  );
  const copy = h(
    'button',
    {
      type: 'button',
      class: 'button small',
      'aria-label': `Copy link to ${name}`,
      onclick: () => void copyText(watchUrl(upload.grant?.videoId ?? ''), 'Link'),
    },
    icon('copy'),
    'Copy link',
  );
  const row = h(
    'li',
    { class: 'upload-row', 'data-testid': 'upload-row' },
    h(
      'div',
      { class: 'upload-head' },
      h('span', { class: 'upload-name', title: name }, name),
      h('span', { class: 'upload-size' }, size(total)),
    ),
    bar,
    state,
    h('div', { class: 'upload-actions' }, retry, link, copy, pause, resume, cancel),
  );

  let unfollow = () => {};
  let phase: Phase | undefined;
  let wordsAt = 0;
  let spoken = 0;

  const remove = () => {
    unfollow();
    unsubscribe();
    row.remove();
    takeOff(upload);
  };

  const cancelUpload = async () => {
    try {
      const uploader = await withUploader();
      announce(`${name}: cancelled`);
      await uploader.cancel(upload);
    } catch (why) {
      toastError(
        `The upload of ${name} was cancelled, but its video could not be deleted. ${messageOf(why)}`,
      );
    }
  };

  const showPhase = () => {
    row.dataset['phase'] = upload.phase;
    const { phase: now } = upload;
    setHidden(pause, !upload.canPause, now === 'paused' ? resume : cancel);
    setHidden(resume, now !== 'paused', upload.canPause ? pause : cancel);
    if (upload.canPause && document.activeElement === cancel && phase === 'paused') pause.focus();
    setHidden(retry, !(now === 'retrying' || (now === 'failed' && upload.retryable)), cancel);
    setHidden(link, now !== 'sent');
    setHidden(copy, now !== 'sent');
    if (now === 'sent' || (now === 'failed' && !upload.retryable)) {
      relabel(cancel, `Remove ${name} from this list`);
    }
    if (now === 'sent') showSent();
    if (now === 'failed') announce(`${name}: ${upload.message}`);
  };

  const showSent = () => {
    const id = upload.grant?.videoId;
    if (!id) return;
    link.href = watchPath(id);
    announce(`${name}: uploaded`);
    showVideo(undefined);
    unfollow = followVideo(id, {
      changed: showVideo,
      gone: () => {
        row.dataset['phase'] = 'gone';
        setText(state, 'Uploaded. The video was deleted.');
        setHidden(bar, true);
        setHidden(link, true, cancel);
        setHidden(copy, true, cancel);
      },
    });
  };

  const showVideo = (video: Video | undefined) => {
    row.dataset['video'] = video?.status ?? 'waiting';
    bar.setAttribute('aria-label', `Conversion of ${name}`);
    setHidden(bar, video?.status === 'ready' || video?.status === 'errored');
    if (video?.status === 'ready') {
      setText(state, 'Ready to watch');
      announce(`${name}: ready to watch`);
    } else if (video?.status === 'errored') {
      const why = video.error;
      setText(state, why ? `Conversion failed: ${why.title}. ${why.detail}` : 'Conversion failed.');
      announce(`${name}: conversion failed`);
    } else if (video?.status === 'preparing') {
      bar.value = video.progress;
      setText(state, `Converting · ${percent(video.progress)}`);
    } else {
      bar.removeAttribute('value');
      setText(state, 'Uploaded · waiting for the conversion');
    }
  };

  const showProgress = () => {
    bar.value = upload.sentBytes / total;
    const quarter = Math.floor((upload.sentBytes / total) * 4);
    if (quarter > spoken && quarter < 4) announce(`${name}: ${quarter * 25}% uploaded`);
    spoken = Math.max(spoken, quarter);
  };

  const showWords = () => setText(state, words(upload, rate.perSecond));

  const update = () => {
    const now = performance.now();
    if (upload.phase === 'cancelled') return remove();
    const turned = phase !== upload.phase;
    if (turned) {
      rate.restart(upload.sentBytes, now);
      showPhase();
      phase = upload.phase;
    }
    if (upload.phase === 'sent') return;
    setHidden(pause, !upload.canPause, cancel);
    rate.sample(upload.sentBytes, now);
    showProgress();
    if (turned || now - wordsAt > WORDS_MS) {
      wordsAt = now;
      showWords();
    }
  };

  const unsubscribe = upload.changed.on(update);
  update();
  return row;
}

function words(upload: Upload, perSecond: number | null): string {
  const total = upload.file.size;
  const sent = `${size(upload.sentBytes)} of ${size(total)}`;
  const share = percent(upload.sentBytes / total);
  switch (upload.phase) {
    case 'queued':
      return upload.sentBytes > 0 ? `${share} · ${sent}` : 'Waiting for other uploads';
    case 'paused':
      return `Paused · ${share} · ${sent}`;
    case 'retrying':
      return `${upload.message} Retrying automatically · ${share}`;
    case 'failed':
      return upload.message;
    default:
      break;
  }
  if (!navigator.onLine)
    return `Offline. The upload resumes when the connection is back · ${share}`;
  const speed = perSecond === null ? [] : [`${size(perSecond)}/s`];
  const left = perSecond === null ? [] : [timeLeft((total - upload.sentBytes) / perSecond)];
  return [share, sent, ...speed, ...left].join(' · ');
}
