import type { Page } from './page';

type Open = (path: string) => Page;

/**
 * Moves between the pages without loading anew: uploads continue meanwhile. Links are ordinary links;
 * those of other sites, into other tabs and for downloads are left to the browser.
 */
export function startRouter(main: HTMLElement, open: Open, opened: (page: Page) => void): void {
  let current: Page | undefined;

  const render = (moved: boolean) => {
    current?.stop();
    const page = open(location.pathname);
    current = page;
    document.title = page.title;
    main.replaceChildren(page.element);
    opened(page);
    if (!moved) return;
    window.scrollTo(0, 0);
    (main.querySelector<HTMLElement>('h1') ?? main).focus({ preventScroll: true });
  };

  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || !isOurs(link, event)) return;
    event.preventDefault();
    navigate(link.pathname);
  });
  window.addEventListener('popstate', () => render(true));
  window.addEventListener(NAVIGATED, () => render(true));
  render(false);
}

const NAVIGATED = 'reelrun:navigated';

export function navigate(path: string): void {
  if (path === location.pathname) return;
  history.pushState(null, '', path);
  window.dispatchEvent(new Event(NAVIGATED));
}

function isOurs(link: HTMLAnchorElement, event: MouseEvent): boolean {
  const plain =
    event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const page = link.pathname === '/' || /^\/watch\/[^/]+\/?$/.test(link.pathname);
  return (
    plain && page && link.origin === location.origin && !link.target && !event.defaultPrevented
  );
}
