# refused: reserved_data
# without: data in the place of what the build says would switch off `groups_unknown`
# asked: {"name": "query", "arguments": {"sql": "SELECT 1"}, "groups_known": false}
# answer: allow
# data: {"sallyport_build": {"reads_groups": false}}
package policies.example

deny contains {"code": "none"} if input.message.call.name == "nothing"
