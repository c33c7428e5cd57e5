import { h, replaceChildren, setText } from '../ui/h';
import { nameOf } from '../video';
import type { Page } from '../page';
import { noSuchVideo, notLoaded } from './notices';
import { PlayerStage } from './player-stage';
import { openVideo } from './watch';

/** The bare player, for iframes on other pages. */
export function embedPage(id: string): Page {
  const stage = new PlayerStage();
  const heading = h('h1', { class: 'visually-hidden' }, 'Video');
  const element = h('div', { class: 'embed' }, heading, stage.element);
  const stop = openVideo(
    id,
    (video) => {
      document.title = nameOf(video);
      setText(heading, nameOf(video));
      stage.show(video);
    },
    () => {
      stage.stop();
      replaceChildren(element, noSuchVideo());
    },
    (why, again) => replaceChildren(stage.element, notLoaded(why, again)),
  );
  return {
    element,
    title: 'Reelrun',
    bare: true,
    stop: () => {
      stop();
      stage.stop();
    },
  };
}
