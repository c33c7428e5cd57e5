import { messageOf } from '../problem';
import { h, replaceChildren, setText } from '../ui/h';
import { notice } from '../ui/notice';
import { nameOf } from '../video';
import type { Page } from '../page';
import { Stage } from './stage';
import { openVideo } from './watch';

/** The bare player, for iframes on other pages. */
export function embedPage(id: string): Page {
  const stage = new Stage();
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
      replaceChildren(
        element,
        notice({
          icon: 'film',
          level: 1,
          title: 'There is no such video',
          text: 'The link may be incomplete, or the video was deleted.',
        }),
      );
    },
    (why, again) => {
      replaceChildren(
        stage.element,
        notice(
          { icon: 'alert', title: 'The video could not be loaded', text: messageOf(why) },
          h('button', { type: 'button', class: 'button', onclick: again }, 'Try again'),
        ),
      );
    },
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
