/** What one address shows. */
export interface Page {
  element: HTMLElement;
  /** The document's title, as long as the page has no better one. */
  title: string;
  /** Without the header, for iframes. */
  bare?: boolean;
  /** Called when another page takes its place. */
  stop: () => void;
}
