import { render } from 'preact';
import { App } from './app.tsx';
import { applyTheme, readTheme } from './session.ts';
import { TokenProvider } from './token.tsx';

/** Starts the console in the page. */
applyTheme(readTheme());
render(
  <TokenProvider>
    <App />
  </TokenProvider>,
  document.querySelector('#console') as HTMLElement,
);
