export { checkDataDir } from './config/data-dir.js'
export { ConfigError, type Fault } from './config/fault.js'
export { type LoadOptions, loadConfig } from './config/load.js'
export type { AccountConfig, ClientConfig, Config, RouteConfig } from './config/schema.js'
