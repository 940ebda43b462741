import { useText, type Text, type wire } from '@prefect-platform/components';
import { Suspense, useEffect, useState, type ReactNode } from 'react';
import { Link, Outlet, useLoaderData, useLocation, useNavigate, useNavigation } from 'react-router';
import { useChanges } from '../queries/changes';
import { queryClient } from '../queries/client';
import { useAgents, useClusters, useProjects, useResources, useRuns } from '../queries/hooks';
import { signOut, whenSignedOut } from '../session';
import { chooseTheme, useTheme, type Theme } from '../theme';
import { Mark } from './Mark';
import { Palette } from './Palette';
import { useIsHere } from './place';
import { rememberProject, useProject } from './project';

/** The frame around every page: where one can go, what is going on there, who one is. */
export function Shell() {
  const t = useText();
  const session = useLoaderData<wire.Session>();
  const project = useProject();
  const location = useLocation();
  const navigate = useNavigate();
  const navigation = useNavigation();
  const live = useChanges(project);
  const [palette, setPalette] = useState(false);
  const [menu, setMenu] = useState(false);
  useEffect(() => rememberProject(project), [project]);
  useEffect(() => setMenu(false), [location]);
  useEffect(() => {
    whenSignedOut(() => {
      const here = `${location.pathname}${location.search}`;
      void navigate(`/sign-in?next=${encodeURIComponent(here)}&ended=1`);
    });
  }, [location, navigate]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setPalette(true);
      }
      if (event.key === 'Escape') setMenu(false);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t('skip')}
      </a>
      <Navigation open={menu} session={session} />
      {menu && <button className="scrim" aria-label={t('menu.close')} onClick={() => setMenu(false)} />}
      <div className="content">
        <header className="top">
          <button
            className="menu"
            aria-label={t('menu')}
            aria-expanded={menu}
            onClick={() => setMenu((open) => !open)}
          >
            ☰
          </button>
          <ProjectChoice />
          <span className="grow" />
          {live === 'lost' && (
            <span className="pp-badge tone-warn" role="status">
              {t('live.lost')}
            </span>
          )}
          <button className="search" onClick={() => setPalette(true)}>
            <span>{t('palette.open')}</span>
            <kbd>Ctrl K</kbd>
          </button>
        </header>
        {navigation.state === 'loading' && (
          <div className="progress" role="progressbar" aria-label={t('loading')} />
        )}
        <main id="main" tabIndex={-1}>
          <Suspense fallback={null}>
            <Outlet context={session} />
          </Suspense>
        </main>
      </div>
      <Palette open={palette} onClose={() => setPalette(false)} />
    </div>
  );
}

function Navigation({ open, session }: { open: boolean; session: wire.Session }) {
  const t = useText();
  const running = useRuns({ status: 'running' }, 50).data?.pages[0]?.items.length ?? 0;
  const resources = useResources().data ?? [];
  const clusters = useClusters().data?.length ?? 0;
  const agents = useAgents().data?.length ?? 0;
  const jupyter = resources.filter(
    (one) => one.kind === 'jupyter-server' && one.state.status === 'running',
  ).length;
  return (
    <nav className={open ? 'side open' : 'side'} aria-label={t('nav')}>
      <Link to="." className="brand">
        <Mark />
        prefect platform
      </Link>
      <Item to="." end text="nav.home" />
      <Item to="flows" text="nav.flows" />
      <Item to="runs" text="nav.runs" count={running} busy />
      <Item to="jupyter" text="nav.jupyter" count={jupyter} />
      <Item to="clusters" text="nav.clusters" count={clusters} />
      <Item to="agents" text="nav.agents" count={agents} />
      <Item to="resources" text="nav.resources" />
      <hr />
      <Item to="secrets" text="nav.secrets" />
      <Item to="sizes" text="nav.sizes" />
      <Item to="usage" text="nav.usage" />
      <Item to="tokens" text="nav.tokens" />
      <Foot session={session} />
    </nav>
  );
}

function Item(props: { to: string; end?: boolean; text: Text; count?: number; busy?: boolean }): ReactNode {
  const t = useText();
  const here = useIsHere(props.to, props.end);
  return (
    <Link to={props.to} className={here ? 'on' : ''} aria-current={here ? 'page' : undefined}>
      <span>{t(props.text)}</span>
      {props.count ? <span className={props.busy ? 'n busy' : 'n'}>{props.count}</span> : null}
    </Link>
  );
}

function Foot({ session }: { session: wire.Session }) {
  const t = useText();
  const theme = useTheme();
  const navigate = useNavigate();
  const leave = async () => {
    await signOut();
    queryClient.clear();
    await navigate('/sign-in');
  };
  return (
    <div className="foot">
      <label className="row">
        <span>{t('theme')}</span>
        <select value={theme} onChange={(event) => chooseTheme(event.target.value as Theme)}>
          <option value="system">{t('theme.system')}</option>
          <option value="light">{t('theme.light')}</option>
          <option value="dark">{t('theme.dark')}</option>
        </select>
      </label>
      <div className="row">
        <span className="grow truncate" title={session.user}>
          {session.user}
        </span>
        <button className="pp-link" onClick={() => void leave()}>
          {t('signOut')}
        </button>
      </div>
      <div className="faint">{t('version', { version: session.version })}</div>
    </div>
  );
}

function ProjectChoice() {
  const t = useText();
  const project = useProject();
  const projects = useProjects().data ?? [];
  const navigate = useNavigate();
  if (projects.length < 2) return <span className="soft project">{project}</span>;
  return (
    <select
      aria-label={t('project')}
      value={project}
      onChange={(event) => void navigate(`/p/${event.target.value}`)}
    >
      {projects.map((one) => (
        <option key={one.name}>{one.name}</option>
      ))}
    </select>
  );
}
