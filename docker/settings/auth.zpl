#  Filestore in containers: auth. All options: filestored options
broker = "tcp://broker:8511"
events-in = "tcp://broker:8512"
events-out = "tcp://broker:8513"
auth-database = "/var/lib/filestore/auth.db"
keys = "/var/lib/filestore/auth.key"
