#  Filestore in containers: the broker. All options: filestored options
broker-clients = "tcp://*:8510"
broker-actors = "tcp://*:8511"
events-in = "tcp://*:8512"
events-out = "tcp://*:8513"
enrolled = "/var/lib/filestore/enrolled.zpl"
keys = "/var/lib/filestore/broker.key"
