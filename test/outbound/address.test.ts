import { reachOf } from '../../src/outbound/address.ts'

test.each([
  ['8.8.8.8', 'public'], ['2606:4700:4700::1111', 'public'], ['::ffff:8.8.8.8', 'public'], ['64:ff9b::808:808', 'public'], ['99.255.255.255', 'public'], ['172.32.0.1', 'public'],
  ['10.0.0.1', 'internal'], ['172.16.0.1', 'internal'], ['172.31.255.255', 'internal'], ['192.168.1.1', 'internal'], ['127.0.0.1', 'internal'], ['127.255.255.254', 'internal'], ['100.64.0.1', 'internal'],
  ['100.127.255.254', 'internal'], ['::1', 'internal'], ['fd12:3456::1', 'internal'], ['::ffff:127.0.0.1', 'internal'], ['::ffff:a00:1', 'internal'], ['64:ff9b::a00:1', 'internal'], ['198.18.0.1', 'internal'], ['240.0.0.1', 'internal'],
  ['169.254.169.254', 'never'], ['169.254.0.1', 'never'], ['::ffff:169.254.169.254', 'never'], ['64:ff9b::a9fe:a9fe', 'never'], ['fe80::1', 'never'], ['fe80::1%eth0', 'never'], ['fd00:ec2::254', 'never'], ['fd20:ce::254', 'never'],
  ['168.63.129.16', 'never'], ['100.100.100.200', 'never'], ['192.0.0.192', 'never'], ['0.0.0.0', 'never'], ['0.1.2.3', 'never'], ['::', 'never'], ['224.0.0.1', 'never'], ['239.255.255.255', 'never'], ['255.255.255.255', 'never'], ['ff02::1', 'never'],
  ['2002:7f00:1::', 'never'], ['2002:a9fe:a9fe::1', 'never'], ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'never'], ['::127.0.0.1', 'never'], ['64:ff9b:1::1', 'never'], ['2001:db8::1', 'never'], ['4000::1', 'never'], ['fec0::1', 'never'],
])('%s is %s', (address, reach) => {
  expect(reachOf(address)).toBe(reach)
})
