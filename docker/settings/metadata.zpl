#  Filestore in containers: metadata. All options: filestored options
broker = "tcp://broker:8511"
events-in = "tcp://broker:8512"
events-out = "tcp://broker:8513"
metadata-database = "/var/lib/filestore/metadata.db"
keys = "/var/lib/filestore/metadata.key"
