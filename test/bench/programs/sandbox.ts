import { Sandbox } from '../../../src/index.js'

/** The sandbox as WeChat, for the account in the environment. Tells the one who started it its URL. */
const { WECHAT_APPID: appID = '', WECHAT_APPSECRET: appSecret = '' } = process.env
const sandbox = new Sandbox({ accounts: [{ appID, appSecret }] })
process.on('disconnect', () => process.exit())
process.send?.(await sandbox.listen())
